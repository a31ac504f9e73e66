package simnet

import (
	"math/bits"
	"slices"
	"time"
)

// moveTick is how often hosts on their way are put where they are by then.
const moveTick = 500 * time.Millisecond

// A Roam says how hosts wander about: to a random place in an area, straight and
// at a random speed, then a pause, and on (the random waypoint model of Johnson
// and Maltz, 1996).
type Roam struct {
	From, To           Place  // two corners of the area
	MinSpeed, MaxSpeed Length // per second
	Pause              time.Duration
}

// A Waypoint is where a host is at a time since the beginning of the world.
type Waypoint struct {
	At    time.Duration
	Place Place
}

// A mover takes one host along a path of waypoints, which more may be added to.
//
// Invariant: path is ascending in time.
type mover struct {
	host *Host
	path []Waypoint
	more func(last Waypoint) []Waypoint // what follows the end of the path; may be nil
}

// Roam lets each of the hosts wander from now on.
func (w *World) Roam(cfg Roam, hosts ...*Host) {
	for _, h := range hosts {
		d := newDice(w.seed, "roam "+h.name)
		if !h.placed {
			h.MoveTo(cfg.somewhere(d))
		}
		w.move(&mover{host: h, path: []Waypoint{{w.Elapsed(), h.place}}, more: func(last Waypoint) []Waypoint { return cfg.leg(d, last) }})
	}
}

// leg is the way to the next place, and the pause there.
func (c Roam) leg(d dice, last Waypoint) []Waypoint {
	to := c.somewhere(d)
	speed := max(1, c.MinSpeed+Length(d.below(uint64(max(0, c.MaxSpeed-c.MinSpeed)+1))))
	there := last.At + time.Duration(distance(last.Place, to)*1000/speed+1)*time.Millisecond
	return []Waypoint{{there, to}, {there + c.Pause, to}}
}

func (c Roam) somewhere(d dice) Place {
	draw := func(a, b Length) Length { return min(a, b) + Length(d.below(uint64(max(a, b)-min(a, b)+1))) }
	return Place{draw(c.From.X, c.To.X), draw(c.From.Y, c.To.Y)}
}

// Follow takes the host from one waypoint to the next, straight and evenly. Before
// the first it is there, after the last it stays. The path is put in order of time.
func (w *World) Follow(h *Host, path ...Waypoint) {
	path = slices.Clone(path)
	slices.SortStableFunc(path, func(a, b Waypoint) int { return int(max(-1, min(1, a.At-b.At))) })
	if len(path) > 0 {
		w.move(&mover{host: h, path: path})
	}
}

// move starts a mover.
func (w *World) move(m *mover) {
	m.step(w.Elapsed())
	if w.movers = append(w.movers, m); len(w.movers) == 1 {
		w.After(moveTick, w.moveAll)
	}
}

// moveAll puts all movers' hosts where they are now.
func (w *World) moveAll() {
	w.movers = slices.DeleteFunc(w.movers, func(m *mover) bool { return !m.step(w.Elapsed()) })
	if len(w.movers) > 0 {
		w.After(moveTick, w.moveAll)
	}
}

// between is the place part of whole on the way from a to b; part is less than whole.
func between(a, b Length, part, whole time.Duration) Length {
	if b < a {
		return a - (between(b, a, part, whole) - b)
	}
	hi, lo := bits.Mul64(uint64(b-a), uint64(part))
	on, _ := bits.Div64(hi, lo, uint64(whole))
	return a + Length(on)
}

// step puts the host where it is at that time. It reports whether it will move again.
func (m *mover) step(now time.Duration) bool {
	for m.more != nil && m.path[len(m.path)-1].At <= now {
		m.path = append(m.path, m.more(m.path[len(m.path)-1])...)
	}
	for len(m.path) > 1 && m.path[1].At <= now {
		m.path = m.path[1:]
	}
	at := m.path[0]
	place := at.Place
	if len(m.path) > 1 && now > at.At {
		next := m.path[1]
		whole, part := next.At-at.At, now-at.At
		place = Place{between(at.Place.X, next.Place.X, part, whole), between(at.Place.Y, next.Place.Y, part, whole)}
	}
	if place != m.host.place || !m.host.placed {
		m.host.MoveTo(place)
	}
	return len(m.path) > 1
}
