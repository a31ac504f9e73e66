package kadnet

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/kad"
)

// What liars do when they are asked. All answer pings, take records and throw them away, and repeat old ones.
const (
	colluding = iota // name only each other
	inventing        // name nodes near the key that do not exist
	silent           // do not answer lookups at all
	liarModes
)

// liarVisits is how often each liar shows itself to somebody, so as to get into tables.
const liarVisits = 20 * time.Second

// A liar is one of the sybils.
type liar struct {
	w    *World
	mode int
}

func (l *liar) visit(h *host) {
	victim := l.w.living[l.w.rand.IntN(len(l.w.living))]
	l.send(h, victim.peer, &kad.Message{Kind: kad.Ping})
}

func (l *liar) send(h *host, to *kad.Peer, m *kad.Message) {
	on := l.w.tally.on
	l.w.tally.on = false // what liars send is on nobody's account
	l.w.send(h.peer, to, m, false)
	l.w.tally.on = on
}

func (l *liar) receive(h *host, from *kad.Peer, m *kad.Message) {
	switch m.Kind {
	case kad.Ping:
		l.send(h, from, &kad.Message{Kind: kad.Pong, Token: m.Token})
	case kad.Store:
		l.send(h, from, &kad.Message{Kind: kad.Pong, Token: m.Token, Stored: true})
	case kad.Find, kad.Value:
		if l.mode == silent {
			return
		}
		a := kad.Message{Kind: kad.Nodes, Token: m.Token}
		if l.mode == colluding {
			a.Nodes = l.w.nearestLiars(&m.Target)
		} else {
			a.Nodes = l.w.invent(&m.Target)
		}
		if of := l.w.byKey[m.Target]; of != nil && m.Kind == kad.Value {
			a.Record = of.stale
		}
		l.send(h, from, &a)
	}
}

// nearestLiars are those of all liars that are nearest to the target.
func (w *World) nearestLiars(target *kad.ID) (peers []*kad.Peer) {
	low, high := 0, len(w.liars)
	for bit := 0; ; bit++ {
		middle := low + halves(w.liars[low:high], bit)
		a, b := low, middle
		if target[bit/8]>>(7-bit%8)&1 == 1 {
			a, b = middle, high
		}
		if b-a < kad.Width {
			break
		}
		low, high = a, b
	}
	list := slices.Clone(w.liars[low:high])
	slices.SortFunc(list, func(a, b *host) int { return nearer(target, &a.peer.ID, &b.peer.ID) })
	for _, h := range list[:min(kad.Width, len(list))] {
		peers = append(peers, h.peer)
	}
	return peers
}

func nearer(target, a, b *kad.ID) int {
	for i := range target {
		if x, y := a[i]^target[i], b[i]^target[i]; x != y {
			return int(x) - int(y)
		}
	}
	return 0
}

// invent names nodes right beside the target, which nobody will ever answer for.
func (w *World) invent(target *kad.ID) (peers []*kad.Peer) {
	for i := range kad.Width {
		id := w.id()
		copy(id[:8], target[:8])
		peers = append(peers, kad.NewPeer(id, w.liars[(int(id[9])*256+i)%len(w.liars)].peer.Addr))
	}
	return peers
}
