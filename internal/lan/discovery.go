package lan

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/libp2p/go-reuseport"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// maxBeacon is the longest beacon, in bytes; what is longer is none.
const maxBeacon = 120

// readPause is how long a reader waits after an error that is not the end.
const readPause = 10 * time.Millisecond

// A Discovery hears what is sent to everybody on our links (spec L1.2–L1.4). Its
// port is shared: every process on this machine hears every beacon.
type Discovery struct {
	group4, group6 netip.Addr
	v4             *ipv4.PacketConn // nil when the system has no IPv4
	v6             *ipv6.PacketConn
	done           sync.WaitGroup
}

// ListenDiscovery binds the port, at least in one IP version, and remembers which
// groups to join.
func ListenDiscovery(port uint16, group4, group6 netip.Addr) (*Discovery, error) {
	d := &Discovery{group4: group4, group6: group6}
	c4, err4 := reuseport.ListenPacket("udp4", fmt.Sprintf("0.0.0.0:%d", port))
	if err4 == nil {
		d.v4 = ipv4.NewPacketConn(c4)
		_ = d.v4.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true)
	}
	c6, err6 := reuseport.ListenPacket("udp6", fmt.Sprintf("[::]:%d", port))
	if err6 == nil {
		d.v6 = ipv6.NewPacketConn(c6)
		_ = d.v6.SetControlMessage(ipv6.FlagInterface, true)
	}
	if err4 != nil && err6 != nil {
		return nil, fmt.Errorf("lan: discovery port %d: %w", port, errors.Join(err4, err6))
	}
	return d, nil
}

// Join joins the groups on each interface. Having joined already does no harm,
// and an interface that cannot still has broadcast.
func (d *Discovery) Join(ifaces []Interface) {
	for _, i := range ifaces {
		ifi := &net.Interface{Index: int(i.Index), Name: i.Name, Flags: i.Flags}
		if d.v4 != nil && i.Has4() {
			_ = d.v4.JoinGroup(ifi, net.UDPAddrFromAddrPort(netip.AddrPortFrom(d.group4, 0)))
		}
		if d.v6 != nil && i.Has6() {
			_ = d.v6.JoinGroup(ifi, net.UDPAddrFromAddrPort(netip.AddrPortFrom(d.group6, 0)))
		}
	}
}

// A Channel is one of the ways to reach everybody on a link (spec L1.3).
type Channel int

// The channels.
const (
	Broadcast4 Channel = iota
	Multicast4
	Multicast6
	Channels int = iota
)

func (c Channel) String() string {
	return [...]string{"broadcast", "multicast", "IPv6 multicast"}[c]
}

// Serve hands every datagram short enough to be a beacon to heard, with the
// interface it came in by, its source, and how it was addressed. heard is called from two goroutines;
// the bytes are borrowed.
func (d *Discovery) Serve(heard func(from link.Path, by Channel, datagram []byte)) {
	if d.v4 != nil {
		d.done.Add(1)
		go d.serve(heard, func(b []byte) (int, int, Channel, net.Addr, error) {
			n, cm, from, err := d.v4.ReadFrom(b)
			switch {
			case cm == nil:
				return n, 0, Broadcast4, from, err
			case cm.Dst.IsMulticast():
				return n, cm.IfIndex, Multicast4, from, err
			}
			return n, cm.IfIndex, Broadcast4, from, err
		})
	}
	if d.v6 != nil {
		d.done.Add(1)
		go d.serve(heard, func(b []byte) (int, int, Channel, net.Addr, error) {
			n, cm, from, err := d.v6.ReadFrom(b)
			if cm == nil {
				return n, 0, Multicast6, from, err
			}
			return n, cm.IfIndex, Multicast6, from, err
		})
	}
}

func (d *Discovery) serve(heard func(link.Path, Channel, []byte), read func([]byte) (n, iface int, by Channel, from net.Addr, err error)) {
	defer d.done.Done()
	var buffer [maxBeacon + 1]byte
	for {
		n, iface, by, from, err := read(buffer[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(readPause) // it may last
			continue
		}
		u, ok := from.(*net.UDPAddr)
		if !ok || n > maxBeacon {
			continue
		}
		ap := u.AddrPort()
		heard(link.Path{
			Iface: uint32(iface),
			Addr:  netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port()),
		}, by, buffer[:n])
	}
}

// Close stops hearing, and returns when heard is no longer called.
func (d *Discovery) Close() {
	if d.v4 != nil {
		d.v4.Close()
	}
	if d.v6 != nil {
		d.v6.Close()
	}
	d.done.Wait()
}
