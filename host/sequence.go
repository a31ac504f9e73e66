package host

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

const (
	sequenceFile = "sequence"
	// sequenceAhead is how far the file is ahead of what was signed: about a minute of the clock that the numbers
	// come from, so that it is written that rarely.
	sequenceAhead = 1 << 16
)

// A sequence is a number that none of the link state signed so far exceeds, kept in the home (spec O7.4): so a node
// whose clock was set back does not sign what an older self of it outdoes. It is no harm when the file is lost or
// wrong: then the mesh reminds the node, as long as somebody there remembers it.
type sequence struct {
	path  string
	saved uint64 // what is in the file, or about to be; guarded by the host's lock

	mu      sync.Mutex
	written uint64
}

// load reads the number, 0 when there is none that makes sense.
func (s *sequence) load(home string) uint64 {
	s.path = filepath.Join(home, sequenceFile)
	data, err := os.ReadFile(s.path)
	if err != nil {
		return 0
	}
	floor, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0
	}
	return floor
}

// keepSequence writes the number when link state was signed that exceeds it. It is called with the lock held and does
// not wait.
func (h *Host) keepSequence() {
	s := &h.sequence
	seq := h.node.Mesh().Seq()
	if seq <= s.saved || h.pump.stopped {
		return
	}
	s.saved = seq + sequenceAhead
	floor := s.saved
	h.done.Go(func() {
		if err := s.write(floor); err != nil {
			h.note("sequence", "cannot keep the sequence number of link state: "+err.Error())
		}
	})
}

// write keeps the number, unless a higher one was written meanwhile.
func (s *sequence) write(floor uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if floor <= s.written {
		return nil
	}
	s.written = floor
	return writeFile(s.path, append(strconv.AppendUint(nil, floor, 10), '\n'))
}
