package simnet

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
)

// A request begins with its flow, its number, and the time of sending; then it has
// zeros up to its size.

// A question is a request at the one who asked.
type question struct {
	flow   *flow
	stream *msp.Stream
	asked  time.Duration
	rest   []byte // of the request, not yet written
	shut   bool   // no more will be written
	came   uint64 // bytes of the answer
	wrong  bool
}

// An answer is a request at the one who is asked.
type answer struct {
	stream  *msp.Stream
	head    []byte
	flow    *flow // once the head is here
	asked   bool  // the whole request is here
	written uint64
}

// ask sends one request of the flow.
func (a *app) ask(now time.Time, n *node.Node, f *flow) {
	s, err := n.MSP().Dial(now, n.SID(), f.dst, msp.Target{Port: requestPort})
	if err != nil {
		return
	}
	a.asking = append(a.asking, &question{flow: f, stream: s, asked: f.run.world.Elapsed(), rest: f.body(now)})
}

// requestsWake carries on with all requests. It reports whether anything was done.
func (a *app) requestsWake(now time.Time) (did bool) {
	for s := a.requests.Accept(); s != nil; s = a.requests.Accept() {
		a.answering = append(a.answering, &answer{stream: s})
	}
	a.asking = slices.DeleteFunc(a.asking, func(q *question) bool {
		some, more := q.wake(now)
		did = did || some
		return !more
	})
	a.answering = slices.DeleteFunc(a.answering, func(w *answer) bool {
		some, more := w.wake(now, a.run)
		did = did || some
		return !more
	})
	return did
}

// wake writes the request and reads the answer. It reports whether the question is
// still open.
func (q *question) wake(now time.Time) (did, more bool) {
	if len(q.rest) > 0 {
		n, err := q.stream.Write(now, q.rest)
		q.rest, did = q.rest[n:], n > 0
		if err != nil && !errors.Is(err, msp.ErrWouldBlock) {
			return did, false
		}
	}
	if len(q.rest) == 0 && !q.shut {
		q.shut, did = true, true
		if q.stream.CloseWrite(now) != nil {
			return did, false
		}
	}
	var buf, want [4096]byte
	for {
		n, _, err := q.stream.Read(now, buf[:])
		if n > 0 {
			did = true
			pattern(want[:n], q.flow.id, q.came)
			q.wrong = q.wrong || !bytes.Equal(want[:n], buf[:n])
			q.came += uint64(n)
			continue
		}
		if err == nil || errors.Is(err, msp.ErrWouldBlock) {
			return did, true
		}
		if errors.Is(err, io.EOF) && !q.wrong && q.came == q.flow.answerSize() {
			q.flow.arrived(q.flow.run.world.Elapsed() - q.asked)
		}
		_ = q.stream.Close(now)
		return true, false
	}
}

// answerSize is how many bytes the flow's answers have.
func (f *flow) answerSize() uint64 { return uint64(cmp.Or(f.table.Answer, 10_000)) }

// wake reads the request to its end and then writes the answer. It reports whether
// the answer is still to be given.
func (w *answer) wake(now time.Time, r *run) (did, more bool) {
	for !w.asked {
		var buf [4096]byte
		n, _, err := w.stream.Read(now, buf[:])
		switch {
		case n > 0:
			did = true
			w.head = append(w.head, buf[:min(n, headerSize-len(w.head))]...)
		case err == nil || errors.Is(err, msp.ErrWouldBlock):
			return did, true
		case errors.Is(err, io.EOF) && w.understand(r):
			w.asked = true
		default:
			_ = w.stream.Close(now)
			return true, false
		}
	}
	wrote, more := w.write(now)
	return did || wrote, more
}

// understand finds the flow that the request is of.
func (w *answer) understand(r *run) bool {
	if len(w.head) == headerSize {
		if id := binary.BigEndian.Uint32(w.head); int(id) < len(r.flows) {
			w.flow = r.flows[id]
		}
	}
	return w.flow != nil
}

// write writes of the answer what fits.
func (w *answer) write(now time.Time) (did, more bool) {
	var buf [4096]byte
	for size := w.flow.answerSize(); w.written < size; {
		p := buf[:min(uint64(len(buf)), size-w.written)]
		pattern(p, w.flow.id, w.written)
		n, err := w.stream.Write(now, p)
		w.written += uint64(n)
		did = did || n > 0
		if errors.Is(err, msp.ErrWouldBlock) {
			return did, true
		}
		if err != nil {
			return did, false
		}
	}
	_ = w.stream.Close(now)
	return true, false
}
