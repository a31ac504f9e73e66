package simnet

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A role makes a node hostile: it puts something around it.
type role func(w *World, name string, n *node.Node) Machine

// hostileRoles are the roles that a scenario may give to a node. Both keep an
// honest node's keys and take part in the mesh; what they do besides needs none.
var hostileRoles = map[string]role{
	"flood": func(w *World, name string, n *node.Node) Machine {
		return &hostile{Node: n, every: time.Millisecond, bad: floods, dice: newDice(w.seed, "hostile "+name)}
	},
	"liar": func(w *World, name string, n *node.Node) Machine {
		return &hostile{Node: n, every: 20 * time.Millisecond, bad: lies, dice: newDice(w.seed, "hostile "+name)}
	},
}

// droppers are the roles of nodes that take part in everything, but lose that share of what they should carry for others.
var droppers = map[string]float64{"blackhole": 1, "greyhole": 0.5}

// swallowing makes a node lose that share of what it should carry for others, and counts what it loses.
func swallowing(d dice, share float64, count *uint64) NodeOption {
	o := oddsOf(share)
	return func(c *node.Config) {
		c.Swallow = func() bool {
			hit := d.hit(o)
			if hit {
				*count++
			}
			return hit
		}
	}
}

// maxHeard bounds what a hostile node remembers of what it received.
const maxHeard = 256

// A hostile is a node that now and then sends something bad besides.
type hostile struct {
	*node.Node
	every  time.Duration
	next   time.Time
	bad    func(h *hostile, to link.Path) []byte
	dice   dice
	ifaces []uint32
	heard  [maxHeard]heardPacket // a ring of what others sent
	count  int                   // heard so far
}

func (h *hostile) inner() *node.Node { return h.Node }

type heardPacket struct {
	from link.Path
	data []byte
}

// Receive remembers the datagram.
func (h *hostile) Receive(now time.Time, from link.Path, datagram []byte) {
	slot := &h.heard[h.count%maxHeard]
	slot.from, slot.data = from, append(slot.data[:0], datagram...)
	h.count++
	h.Node.Receive(now, from, datagram)
}

// SetInterface remembers the interface.
func (h *hostile) SetInterface(now time.Time, iface uint32, caps link.Caps) {
	if !slices.Contains(h.ifaces, iface) {
		h.ifaces = append(h.ifaces, iface)
	}
	h.Node.SetInterface(now, iface, caps)
}

// Processing lets the node do its work and sends something bad when it is time.
func (h *hostile) Processing(now time.Time, out *link.Batch) (next time.Time) {
	next = h.Node.Processing(now, out)
	if !h.next.After(now) && len(h.ifaces) > 0 {
		h.next = now.Add(h.every)
		to := link.Path{Iface: h.ifaces[h.pick(len(h.ifaces))]}
		if data := h.bad(h, to); data != nil {
			out.Append(h.somebody(to), data)
		}
	}
	return agenda.Soonest(next, h.next)
}

func (h *hostile) pick(n int) int { return int(h.dice.below(uint64(n))) }

// known is something heard, nil when nothing was.
func (h *hostile) known() *heardPacket {
	if h.count == 0 {
		return nil
	}
	return &h.heard[h.pick(min(h.count, maxHeard))]
}

// somebody is one it heard from, half of the time, and else everybody.
func (h *hostile) somebody(all link.Path) link.Path {
	if k := h.known(); k != nil && h.pick(2) == 0 {
		return k.from
	}
	return all
}

// floods sends noise, what it heard, what it heard with a bit turned, and beacons
// of nobody.
func floods(h *hostile, _ link.Path) []byte {
	k := h.known()
	switch kind := h.pick(4); {
	case kind == 0 || k == nil:
		return h.noise(1 + h.pick(1200))
	case kind == 1:
		return k.data
	case kind == 2 && len(k.data) > 0:
		bad := append([]byte(nil), k.data...)
		bad[h.pick(len(bad))] ^= 1 << h.pick(8)
		return bad
	}
	return h.beacon(sid.SID(h.noise(sid.Size)))
}

// lies sends beacons in the name of others, and repeats what others sent long ago.
func lies(h *hostile, _ link.Path) []byte {
	k := h.known()
	if k == nil {
		return nil
	}
	if b, err := wire.ParseBeacon(k.data); err == nil {
		return h.beacon(b.SID)
	}
	return k.data
}

// beacon is one that claims to come from the given node, fresh and with news.
func (h *hostile) beacon(of sid.SID) []byte {
	return wire.AppendBeacon(nil, wire.Beacon{
		Solicit: true, SID: of, Boot: uint32(h.dice.source.Uint64()),
		Nonce: h.dice.source.Uint64(), Digest: h.dice.source.Uint64(), Interval: 25,
	})
}

func (h *hostile) noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(h.dice.source.Uint64())
	}
	return b
}
