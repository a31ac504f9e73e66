package simnet

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"strconv"
	"time"

	"github.com/caracal-mesh/caracal/internal/trace"
)

// A fate is what happened to a packet at an instant.
type fate uint8

const (
	fateSent fate = iota
	fateArrived
	fateDropped
)

var fateNames = [...]string{"sent", "arrived", "dropped"}

// A record is the history of a world: a running hash of it, and text when
// somebody wants to read it.
type record struct {
	sha        hash.Hash
	pending    []byte // not yet hashed, so that small events are hashed together
	transcript io.Writer
	line       []byte
	watchers   []func(now time.Time, f fate, why Reason, from, to *port, data []byte) // are told of everything too
	events     trace.Sink                                                             // of the nodes; may be nil
}

// flushAt is how much history is gathered before it is hashed, in bytes.
const flushAt = 4096

func newRecord() record {
	return record{sha: sha256.New(), pending: make([]byte, 0, 2*flushAt)}
}

// note enters one packet event; to is nil for a broadcast being sent or an
// address nobody has. Only what is sent enters the hash with its bytes: what
// arrives is the same, or was spoilt by dice that the bytes sent decide.
func (r *record) note(now time.Time, f fate, why Reason, from, to *port, data []byte) {
	b := binary.BigEndian.AppendUint64(r.pending, uint64(now.Sub(Epoch)))
	b = binary.BigEndian.AppendUint32(b, from.number)
	b = binary.BigEndian.AppendUint32(b, to.id())
	b = append(b, byte(f), byte(why))
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	if f == fateSent {
		b = append(b, data...)
	}
	r.pending = b
	if len(b) >= flushAt {
		r.flush()
	}
	for _, watch := range r.watchers {
		watch(now, f, why, from, to, data)
	}
	if r.transcript != nil {
		r.write(now, f, why, from, to, data)
	}
}

func (r *record) flush() {
	r.sha.Write(r.pending)
	r.pending = r.pending[:0]
}

func (r *record) sum() (sum [32]byte) {
	r.flush()
	r.sha.Sum(sum[:0])
	return sum
}

// write puts the event into the transcript:
//
//	12.000250 hall-1 > farm-1 ridge dropped loss C4 1200
func (r *record) write(now time.Time, f fate, why Reason, from, to *port, data []byte) {
	b := appendSeconds(r.line[:0], now.Sub(Epoch))
	b = append(append(b, ' '), from.host.name...)
	b = append(b, " > "...)
	if to == nil {
		b = append(b, '*')
	} else {
		b = append(b, to.host.name...)
	}
	b = append(append(b, ' '), from.link.name...)
	b = append(append(b, ' '), fateNames[f]...)
	if f == fateDropped {
		b = append(append(b, ' '), why.String()...)
	}
	if len(data) > 0 {
		const digits = "0123456789ABCDEF"
		b = append(b, ' ', digits[data[0]>>4], digits[data[0]&15])
	}
	b = strconv.AppendInt(append(b, ' '), int64(len(data)), 10)
	r.line = append(b, '\n')
	_, _ = r.transcript.Write(r.line)
}

// appendSeconds appends d as seconds with six digits after the point.
func appendSeconds(b []byte, d time.Duration) []byte {
	us := d.Microseconds()
	b = append(strconv.AppendInt(b, us/1e6, 10), '.')
	fraction := strconv.AppendInt(nil, 1e6+us%1e6, 10)
	return append(b, fraction[1:]...)
}
