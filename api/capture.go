package api

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/internal/pcapng"
)

// maxUncaptured bounds what waits to be written for one capture, in bytes; what comes then is lost to it, and counted there.
const maxUncaptured = 16 << 20

// The layers of an opened packet, as the dissector knows them.
const (
	openedLink = 1 // between neighbours
	openedEnd  = 2 // between us and another node
	dissector  = "caracal_opened"
)

// A film is what a capture has seen and not written yet. It is filled with the node locked.
type film struct {
	mu     sync.Mutex
	frames []frame
	bytes  []byte
	lost   uint64
	woken  chan struct{}
}

// A frame is one packet; its bytes are film.bytes[from:to].
type frame struct {
	at       time.Time
	iface    uint32
	name     string
	opened   bool
	out      bool
	lost     uint64 // before it
	from, to int
}

// take keeps a packet, if there is room.
func (f *film) take(c *host.Captured) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.bytes)+len(c.Data)+len(c.Section)+200 > maxUncaptured {
		f.lost++
		return
	}
	k := frame{at: c.At, iface: c.Iface, name: c.Name, out: c.Out, opened: c.Layer != host.Outer, lost: f.lost, from: len(f.bytes)}
	f.lost = 0
	if k.opened {
		f.bytes = appendOpened(f.bytes, c)
	} else {
		f.bytes = pcapng.AppendUDP(f.bytes, c.From, c.To, c.Data)
	}
	k.to = len(f.bytes)
	f.frames = append(f.frames, k)
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

// appendOpened appends an opened packet as the dissector reads it:
//
//	│ version 1 │ layer 1 │ out 1 │ local SID 32 │ peer SID 32 │ length 2 │ frames, or ports and payload │ payload section │
func appendOpened(b []byte, c *host.Captured) []byte {
	b = pcapng.AppendExported(b, dissector)
	layer, out := byte(openedEnd), byte(0)
	if c.Layer == host.LinkOpen {
		layer = openedLink
	}
	if c.Out {
		out = 1
	}
	b = append(append(b, 1, layer, out), c.Local[:]...)
	b = append(append(b, c.Peer[:]...), byte(len(c.Data)>>8), byte(len(c.Data)))
	return append(append(b, c.Data...), c.Section...)
}

// swap gives what was kept, and takes the room of what was written.
func (f *film) swap(frames []frame, bytes []byte) ([]frame, []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	frames, f.frames = f.frames, frames[:0]
	bytes, f.bytes = f.bytes, bytes[:0]
	return frames, bytes
}

// capture answers with pcapng until the caller leaves.
func (s *Server) capture(w http.ResponseWriter, r *http.Request) {
	f := &film{woken: make(chan struct{}, 1)}
	stop, err := s.Host.Capture(r.URL.Query().Get("opened") == "true", f.take)
	if errors.Is(err, host.ErrCaptures) {
		fail(w, errorf(client.Failed, "too many captures run already. End one of them."))
		return
	}
	defer stop()
	w.Header().Set("Content-Type", "application/x-pcapng")
	out := pcapng.NewWriter(w, "caracal "+s.Version)
	p := printer{out: out, ids: map[frame]uint32{}}
	http.NewResponseController(w).Flush()
	var frames []frame
	var bytes []byte
	for {
		select {
		case <-r.Context().Done():
			return
		case <-f.woken:
			sleep(r.Context(), 20*time.Millisecond) // more come at once
		}
		frames, bytes = f.swap(frames, bytes)
		for i := range frames {
			p.put(&frames[i], bytes)
		}
		if http.NewResponseController(w).Flush() != nil || out.Err() != nil {
			return
		}
	}
}

// A printer writes frames, each interface described when it is first used.
type printer struct {
	out *pcapng.Writer
	ids map[frame]uint32
}

func (p *printer) put(k *frame, bytes []byte) {
	key := frame{iface: k.iface, name: k.name, opened: k.opened}
	if k.opened {
		key = frame{opened: true}
	}
	id, known := p.ids[key]
	if !known {
		name, link := k.name, uint16(pcapng.LinkRaw)
		if k.opened {
			name, link = "opened", pcapng.LinkExported
		}
		id = p.out.Interface(name, link)
		p.ids[key] = id
	}
	direction := uint32(pcapng.Inbound)
	if k.out {
		direction = pcapng.Outbound
	}
	p.out.Packet(id, k.at, direction, bytes[k.from:k.to], k.lost)
}
