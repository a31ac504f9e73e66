package simnet

import (
	"fmt"
	"testing"
	"time"
)

// A postal counts which pings between hosts drawn at random are answered.
type postal struct {
	t       testing.TB
	w       *World
	hosts   []*Host
	pingers map[*Host]*pinger
	dice    dice
	number  int
	every   time.Duration // between two pings of the whole mesh
}

// A postalResult is what a postal found out over some time.
type postalResult struct {
	asked, answered int
	bytes           float64 // per second and node, headers included
}

func (r postalResult) share() float64 { return float64(r.answered) / float64(max(1, r.asked)) }

func (r postalResult) String() string {
	return fmt.Sprintf("%d of %d pings (%.2f %%), %.0f B/s each", r.answered, r.asked, 100*r.share(), r.bytes)
}

func newPostal(t testing.TB, w *World, hosts []*Host, every time.Duration) *postal {
	p := &postal{t: t, w: w, hosts: hosts, pingers: map[*Host]*pinger{}, dice: newDice(w.seed, "postal"), every: every}
	for _, h := range hosts {
		p.join(h)
	}
	return p
}

// join takes in a host that has just been started.
func (p *postal) join(h *Host) { p.pingers[h] = newPinger(p.t, h) }

// run pings for the given time, and then waits for the last answers. A ping counts if both hosts run, and links join
// them, when it is sent and half a second later.
func (p *postal) run(length time.Duration) (r postalResult) {
	type open struct {
		from   *pinger
		number int
		counts bool
	}
	var all []*open
	before, _ := p.w.sentBytes()
	start := p.w.Now()
	for at := time.Duration(0); at < length; at += p.every {
		p.w.After(at, func() {
			a, b := p.hosts[p.dice.below(uint64(len(p.hosts)))], p.hosts[p.dice.below(uint64(len(p.hosts)))]
			if a == b || !a.joined(b) {
				return
			}
			p.number++
			o, boots := &open{from: p.pingers[a], number: p.number}, [2]uint32{a.boot, b.boot}
			all = append(all, o)
			o.from.ping(b, o.number)
			p.w.After(500*time.Millisecond, func() { o.counts = a.joined(b) && boots == [2]uint32{a.boot, b.boot} })
		})
	}
	p.w.Run(length + 2*time.Second)
	for _, o := range all {
		if o.counts {
			r.asked++
			if o.from.answered[uint32(o.number)] {
				r.answered++
			}
		}
	}
	after, _ := p.w.sentBytes()
	r.bytes = float64(after-before) / p.w.Now().Sub(start).Seconds() / float64(len(p.hosts))
	return r
}

// joined reports whether links that are up lead from one running host to the other.
func (h *Host) joined(to *Host) bool {
	if !h.hears() || !to.hears() {
		return false
	}
	seen := map[*Host]bool{h: true}
	for todo := []*Host{h}; len(todo) > 0; todo = todo[1:] {
		if todo[0] == to {
			return true
		}
		for _, next := range todo[0].neighbours() {
			if !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	return false
}
