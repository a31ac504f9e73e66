package simnet

import (
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// A way leads from one port to one other.
type way struct {
	from, to *port
	quality  *quality // nil: that of the port it leads from
	dice     dice
	last     time.Time // when the latest packet that kept its order arrives
	weather  weather
}

// carry lets a packet that leaves the transmitter then fare as the dice say.
func (y *way) carry(leaves time.Time, data []byte) {
	q := y.quality
	if q == nil {
		q = y.from.quality
	}
	if why, lost := y.cut(); lost {
		y.from.drop(y.to, why, data)
		return
	}
	if y.dice.hit(q.loss) {
		y.from.drop(y.to, DropLoss, data)
		return
	}
	if q.burst != 0 && y.weather.looks(leaves, q, y.dice) && y.dice.hit(q.burst) {
		y.from.drop(y.to, DropBurst, data)
		return
	}
	y.dispatch(leaves, data, q)
	if y.dice.hit(q.duplicate) {
		y.from.counters.Duplicated++
		y.dispatch(leaves, data, q)
	}
}

// dispatch schedules the arrival of one copy.
func (y *way) dispatch(leaves time.Time, data []byte, q *quality) {
	w := y.from.link.world
	at := leaves.Add(q.Latency)
	if q.Jitter > 0 {
		at = at.Add(time.Duration(y.dice.below(uint64(q.Jitter) + 1)))
	}
	if y.dice.hit(q.reorder) {
		y.from.counters.Reordered++
		at = at.Add(q.reorderDelay())
	} else {
		if at.Before(y.last) {
			at = y.last
		}
		y.last = at
	}
	e := w.newEvent()
	e.way, e.route = y, w.route
	e.data = append(e.data[:0], data...)
	if len(data) > 0 && y.dice.hit(q.corrupt) {
		y.from.counters.Corrupted++
		for range 1 + y.dice.below(8) {
			bit := y.dice.below(uint64(len(data)) * 8)
			e.data[bit/8] ^= 1 << (bit % 8)
		}
	}
	w.air.Set(&e.entry, at)
}

// cut reports whether nothing passes at all here and now, and why.
func (y *way) cut() (why Reason, lost bool) {
	switch {
	case y.from.link.down || y.from.mute:
		return DropDown, true
	case separated(y.from.host, y.to.host):
		return DropPartition, true
	case y.from.unplugged || y.to.unplugged:
		return DropUnplugged, true
	case !y.to.host.hears():
		return DropStopped, true
	case y.from.link.air != nil && !y.from.link.air.reaches(y.from, y.to):
		return DropRange, true
	}
	return 0, false
}

// arrive hands a packet to the host at the end of the way.
func (y *way) arrive(data []byte, r route) {
	w := y.from.link.world
	w.events++
	if why, lost := y.cut(); lost {
		y.from.drop(y.to, why, data)
		return
	}
	y.from.counters.Delivered++
	y.from.counters.DeliveredBytes += uint64(len(data))
	w.record.note(w.now, fateArrived, 0, y.from, y.to, data)
	if r.isSet() {
		y.to.take(r, data)
		return
	}
	y.to.host.receive(link.Path{Iface: y.to.iface, Addr: y.from.addr}, data)
}
