package kadnet

import (
	"math"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/kad"
)

// run lets time pass, a slot after the other while anything flies, else from deadline to deadline.
func (w *World) run(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		next := w.now.Add(slot)
		if w.flying == 0 {
			if at := w.wakes.Next(); at.After(next) {
				next = at.Truncate(slot)
			}
		}
		if next.After(end) {
			next = end
		}
		w.now = next
		w.step()
	}
}

// step has everything happen that is due now.
func (w *World) step() {
	at := int(w.now.Sub(epoch)/slot) % slots
	arriving := w.air[at]
	w.air[at] = nil
	for i := range arriving {
		w.arrive(&arriving[i])
	}
	w.flying -= len(arriving)
	if w.air[at] == nil {
		clear(arriving)
		w.air[at] = arriving[:0]
	}
	for e, due := w.wakes.Pop(w.now); due; e, due = w.wakes.Pop(w.now) {
		e.Owner.act(w)
	}
}

func (w *World) arrive(p *packet) {
	switch {
	case p.to.liar != nil:
		p.to.liar.receive(p.to, p.from, &p.msg)
	case p.to.node != nil:
		p.to.node.Receive(w.now, p.from, &p.msg)
		w.wakes.Set(&p.to.wake, w.now)
	}
}

// send puts a message on its way.
func (w *World) send(from, to *kad.Peer, m *kad.Message, stranger bool) {
	h := w.byAddr[to.Addr]
	if w.tally.on {
		w.tally.packets++
		w.tally.bytes += uint64(SizeOf(m))
		if stranger {
			w.tally.bytes += handshaking // both halves are on the account of who asks
			w.tally.strangers++
		}
	}
	if h == nil || h.peer.ID != to.ID || w.rand.Float64() < w.cfg.Loss {
		return
	}
	way := w.cfg.RTT/2 - w.cfg.RTT/20 + w.upTo(w.cfg.RTT/10+1)
	at := int((w.now.Sub(epoch)+way)/slot) % slots
	w.air[at] = append(w.air[at], packet{h, from, *m})
	w.flying++
}

// act has a host do what is due.
func (h *host) act(w *World) {
	switch {
	case h.call != nil:
		h.call()
		return
	case h.liar != nil:
		h.liar.visit(h)
		w.wakes.Set(&h.wake, w.now.Add(liarVisits))
		return
	case h.node == nil:
		return
	}
	h.publishing(w)
	next := h.node.Processing(w.now, func(s kad.Sending) { w.send(h.peer, s.To, &s.Message, s.Stranger) })
	for i := 0; i < len(h.asks); i++ {
		if a := h.asks[i]; a.look.Done {
			w.judge(a)
			h.asks = append(h.asks[:i], h.asks[i+1:]...)
			i--
		}
	}
	if !next.IsZero() && !next.After(w.now) {
		next = w.now.Add(slot)
	}
	w.wakes.Set(&h.wake, agenda.Soonest(next, h.again))
}

// publishing publishes the host's record when it is time, and notes when that is done.
func (h *host) publishing(w *World) {
	if h.publish != nil && h.publish.Done {
		h.kept, h.publish = h.seq, nil
	}
	if w.now.Before(h.again) {
		return
	}
	h.again = w.now.Add(kad.PublishEvery - kad.PublishEvery/20 + w.upTo(kad.PublishEvery/10))
	h.seq++
	h.stale, h.record = h.record, &kad.Record{Key: keyOf(h), Seq: h.seq, Body: body}
	h.publish = h.node.Publish(w.now, h.record)
}

// count adds up for how long how many honest nodes have lived.
func (w *World) count() {
	w.tally.nodeSeconds += float64(len(w.living)) * w.now.Sub(w.tally.counted).Seconds()
	w.tally.counted = w.now
}

// at calls f when the time has come.
func (w *World) at(d time.Duration, f func()) {
	h := &host{call: f}
	h.wake.Owner = h
	w.wakes.Set(&h.wake, w.now.Add(d))
}

// exponential draws a time of that mean.
func (w *World) exponential(mean time.Duration) time.Duration {
	return time.Duration(-math.Log(1-w.rand.Float64()) * float64(mean))
}

// scheduleDeath replaces one honest host after the other.
func (w *World) scheduleDeath() {
	if w.cfg.Churn <= 0 {
		return
	}
	mean := time.Duration(float64(time.Hour) / (w.cfg.Churn * float64(len(w.living))))
	w.at(w.exponential(mean), func() {
		w.die(w.living[w.rand.IntN(len(w.living))])
		guide := w.living[w.rand.IntN(len(w.living))]
		h := w.bear()
		h.again = w.now.Add(5*time.Second + w.upTo(20*time.Second)) // who has come is to be found soon
		h.node.Meet(w.now, guide.peer)
		w.scheduleDeath()
	})
}

func (w *World) die(h *host) {
	last := len(w.living) - 1
	w.living[h.index] = w.living[last]
	w.living[h.index].index = h.index
	w.living = w.living[:last]
	w.wakes.Remove(&h.wake)
	delete(w.byAddr, h.peer.Addr)
	h.node, h.asks = nil, nil
}

// scheduleAsk has random hosts look for the records of others.
func (w *World) scheduleAsk() {
	mean := w.cfg.Measure / time.Duration(max(w.cfg.Lookups, 1))
	w.at(w.exponential(mean), func() {
		w.scheduleAsk()
		from, to := w.living[w.rand.IntN(len(w.living))], w.living[w.rand.IntN(len(w.living))]
		if from == to || to.kept == 0 || !w.tally.on {
			return
		}
		if look := from.node.Look(w.now, keyOf(to)); look != nil {
			from.asks = append(from.asks, &ask{of: to, want: to.kept, look: look})
			w.wakes.Set(&from.wake, w.now)
		}
	})
}

// judge notes how a lookup ended.
func (w *World) judge(a *ask) {
	w.tally.looks++
	w.tally.asked += a.look.Asked
	w.tally.took = append(w.tally.took, a.look.Ended.Sub(a.look.Began))
	switch r := a.look.Newest; {
	case r != nil && r.Seq >= a.want:
		w.tally.found++
	case r != nil:
		w.tally.stale++
	}
}
