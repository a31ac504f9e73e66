package simnet

import "github.com/caracal-mesh/caracal/internal/agenda"

// The bounds of the events kept for reuse, and of their memory.
const (
	maxFree      = 1 << 12
	maxFreeBytes = 1 << 19
)

// An event is something that is going to happen: a packet's arrival at the end
// of a way, or a scheduled function.
type event struct {
	entry agenda.Entry[*event]
	do    func() // nil: an arrival
	way   *way
	route route  // of a packet that goes beyond its link; zero: it does not
	data  []byte // the packet, in memory of the event's own
}

func (w *World) newEvent() *event {
	if last := len(w.free) - 1; last >= 0 {
		e := w.free[last]
		w.free = w.free[:last]
		w.freeBytes -= cap(e.data)
		return e
	}
	e := &event{}
	e.entry.Owner = e
	return e
}

func (w *World) release(e *event) {
	if len(w.free) < maxFree && w.freeBytes+cap(e.data) <= maxFreeBytes {
		e.do, e.way, e.route, e.data = nil, nil, route{}, e.data[:0]
		w.free = append(w.free, e)
		w.freeBytes += cap(e.data)
	}
}

// happen does what the event is about.
func (e *event) happen(w *World) {
	if e.do != nil {
		do := e.do
		w.release(e)
		do()
		return
	}
	e.way.arrive(e.data, e.route)
	w.release(e)
}
