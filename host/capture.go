package host

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/udp"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

// ErrCaptures is returned by Capture when too many capture already.
var ErrCaptures = errors.New("host: too many captures")

// maxCaptures bounds the captures at once.
const maxCaptures = 4

// A Layer says what a Captured is.
type Layer uint8

// The layers.
const (
	Outer    Layer = iota // a datagram as it is on the wire
	LinkOpen              // the inside of a packet between neighbours: its frames, and the payload still sealed
	EndOpen               // a datagram between us and another node: ports and payload
)

// A Captured is a packet at one of the node's layers. Its bytes are borrowed.
type Captured struct {
	At       time.Time
	Layer    Layer
	Out      bool
	Iface    uint32         // Outer, LinkOpen; 0 = beyond the LAN
	Name     string         // of the interface
	From, To netip.AddrPort // Outer; our own address is a guess where there are several
	Local    sid.SID        // EndOpen
	Peer     sid.SID        // LinkOpen, EndOpen
	Data     []byte
	Section  []byte // LinkOpen
}

// taps are those who capture.
//
// Invariant: it is guarded by the Host's lock.
type taps struct {
	list []*tap
}

type tap struct{ f func(*Captured) }

// Capture tells f of every packet, with opened also of the insides of those that are ours, until stop is called. f is called
// with the node locked: it must be quick, not call back, and not keep the bytes. ErrCaptures.
func (h *Host) Capture(opened bool, f func(*Captured)) (stop func(), err error) {
	t := &tap{f}
	if !opened {
		t.f = func(c *Captured) {
			if c.Layer == Outer {
				f(c)
			}
		}
	}
	h.Do(func(_ time.Time, n *node.Node) {
		if len(h.taps.list) == maxCaptures {
			err = ErrCaptures
			return
		}
		h.taps.list = append(h.taps.list, t)
		n.Mesh().Tap(h.tapLink)
		n.MDP().Tap(h.tapEnd)
	})
	return func() {
		h.Do(func(_ time.Time, n *node.Node) {
			h.taps.list = slices.DeleteFunc(h.taps.list, func(o *tap) bool { return o == t })
			if len(h.taps.list) == 0 {
				n.Mesh().Tap(nil)
				n.MDP().Tap(nil)
			}
		})
	}, err
}

// on reports whether somebody captures.
func (t *taps) on() bool { return len(t.list) > 0 }

func (t *taps) tell(c *Captured) {
	for _, one := range t.list {
		one.f(c)
	}
}

// tapIn tells of a datagram that came. The lock is held.
func (h *Host) tapIn(now time.Time, from link.Path, datagram []byte) {
	name, own := h.ownAddress(from.Iface, from.Addr.Addr())
	h.taps.tell(&Captured{
		At: now, Iface: from.Iface, Name: name, From: from.Addr, To: netip.AddrPortFrom(own, h.socket.Port()), Data: datagram,
	})
}

// tapOut tells of the datagrams of a batch. The lock is held.
func (h *Host) tapOut(now time.Time, out *link.Batch) {
	for i := range out.Len() {
		path, datagram := out.Datagram(i)
		to := path.Addr
		if !to.IsValid() { // everybody there
			to = netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), udp.DiscoveryPort)
		}
		name, own := h.ownAddress(path.Iface, to.Addr())
		h.taps.tell(&Captured{
			At: now, Out: true, Iface: path.Iface, Name: name, From: netip.AddrPortFrom(own, h.socket.Port()), To: to, Data: datagram,
		})
	}
}

// ownAddress is the name of an interface, and our address there of the family of the other.
func (h *Host) ownAddress(iface uint32, other netip.Addr) (name string, own netip.Addr) {
	other = other.Unmap()
	for i := range h.ifaces {
		f := &h.ifaces[i]
		if f.Index != iface {
			continue
		}
		for _, p := range f.Prefixes {
			if a := p.Addr().Unmap(); a.Is4() == other.Is4() && (!own.IsValid() || a.IsLinkLocalUnicast() == other.IsLinkLocalUnicast()) {
				own = a
			}
		}
		return f.Name, own
	}
	return "inet", own
}

func (h *Host) tapLink(o overlay.Opened) {
	name, _ := h.ownAddress(o.Path.Iface, o.Path.Addr.Addr())
	h.taps.tell(&Captured{
		At: o.At, Layer: LinkOpen, Out: o.Out, Iface: o.Path.Iface, Name: name, Peer: o.Peer, Data: o.Frames, Section: o.Section,
	})
}

func (h *Host) tapEnd(o mdp.Opened) {
	h.taps.tell(&Captured{At: o.At, Layer: EndOpen, Out: o.Out, Local: o.Local, Peer: o.Remote, Data: o.Plain})
}
