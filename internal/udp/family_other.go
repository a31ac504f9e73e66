//go:build !linux

package udp

import (
	"iter"
	"net"
	"net/netip"

	"github.com/caracal-mesh/caracal/link"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const (
	maxSegments = 1
	maxRunBytes = 65000
)

// A family is the socket of one IP version: one datagram a call.
type family struct {
	owner *Socket
	conn  *net.UDPConn
	four  bool
	p4    *ipv4.PacketConn
	p6    *ipv6.PacketConn
}

func newFamily(s *Socket, conn *net.UDPConn, four bool) (*family, *Reader, error) {
	f := &family{owner: s, conn: conn, four: four}
	if four {
		f.p4 = ipv4.NewPacketConn(conn)
		_ = f.p4.SetControlMessage(ipv4.FlagInterface, true) // Windows has none: the host maps by subnet
		_ = f.p4.SetMulticastTTL(1)
	} else {
		f.p6 = ipv6.NewPacketConn(conn)
		_ = f.p6.SetControlMessage(ipv6.FlagInterface, true)
		_ = f.p6.SetMulticastHopLimit(1)
	}
	_ = conn.SetReadBuffer(bufferSize)
	_ = conn.SetWriteBuffer(bufferSize)
	return f, &Reader{f: f, buffer: make([]byte, 1<<16)}, nil
}

// segments reports whether the kernel segments for us.
func (f *family) segments() bool { return false }

// enlarge asks for as much room as the node's own socket has.
func enlarge(conn *net.UDPConn) {
	_ = conn.SetReadBuffer(bufferSize)
	_ = conn.SetWriteBuffer(bufferSize)
}

// queue sends the run at once.
func (f *family) queue(run link.Run) {
	if err := f.send(run); err != nil {
		f.owner.stats.sendErrors.Add(1)
		return
	}
	f.owner.stats.writes.Add(1)
	f.owner.stats.sent.Add(1)
}

func (f *family) send(run link.Run) error {
	to := net.UDPAddrFromAddrPort(run.To.Addr)
	if run.To.TTL != 0 {
		defer f.limitHops(int(run.To.TTL))()
	}
	if f.four {
		var cm *ipv4.ControlMessage
		if run.To.Iface != 0 {
			cm = &ipv4.ControlMessage{IfIndex: int(run.To.Iface)}
		}
		_, err := f.p4.WriteTo(run.Data, cm, to)
		return err
	}
	var cm *ipv6.ControlMessage
	if run.To.Iface != 0 {
		cm = &ipv6.ControlMessage{IfIndex: int(run.To.Iface)}
		if ifi, err := net.InterfaceByIndex(int(run.To.Iface)); err == nil && (to.IP.IsLinkLocalUnicast() || to.IP.IsMulticast()) {
			to.Zone = ifi.Name
		}
	}
	_, err := f.p6.WriteTo(run.Data, cm, to)
	return err
}

// limitHops has what is sent pass few routers, until undone.
func (f *family) limitHops(ttl int) (undo func()) {
	if f.four {
		usual, _ := f.p4.TTL()
		_ = f.p4.SetTTL(ttl)
		return func() { _ = f.p4.SetTTL(max(usual, 1)) }
	}
	usual, _ := f.p6.HopLimit()
	_ = f.p6.SetHopLimit(ttl)
	return func() { _ = f.p6.SetHopLimit(max(usual, 1)) }
}

func (f *family) flush() {}

// A Reader reads datagrams of one family for one goroutine.
type Reader struct {
	f      *family
	buffer []byte
	n      int
	from   link.Path
}

// Read waits for a datagram, then yielded by Datagrams. The error is
// net.ErrClosed after Close.
func (r *Reader) Read() error {
	n, iface, addr, err := r.receive()
	if err != nil {
		return err
	}
	u, ok := addr.(*net.UDPAddr)
	if !ok {
		return net.ErrClosed
	}
	ap := u.AddrPort()
	r.n = n
	r.from = link.Path{Iface: uint32(iface), Addr: netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())}
	if iface == 0 && u.Zone != "" {
		if ifi, err := net.InterfaceByName(u.Zone); err == nil {
			r.from.Iface = uint32(ifi.Index)
		}
	}
	r.f.owner.stats.reads.Add(1)
	r.f.owner.stats.received.Add(1)
	return nil
}

// Crowded is for where many datagrams are read a call.
func (r *Reader) Crowded() bool { return false }

// More would follow Crowded.
func (r *Reader) More() bool { return false }

// Aside gives nothing a Reader of its own here.
func (s *Socket) Aside(byte) error { return nil }

// Aside is for where Socket.Aside does something.
func (r *Reader) Aside() bool { return false }

// Interruptible is for where Interrupt does something.
func (r *Reader) Interruptible() bool { return false }

// Interrupt would follow.
func (r *Reader) Interrupt() {}

// Full is for where many datagrams are read a call.
func (r *Reader) Full() bool { return false }

func (f *family) close() error { return f.conn.Close() }

// overflowed is not told by the system.
func (f *family) overflowed() uint64 { return 0 }

func (r *Reader) receive() (n, iface int, from net.Addr, err error) {
	if r.f.four {
		n, cm, from, err := r.f.p4.ReadFrom(r.buffer)
		if cm != nil {
			iface = cm.IfIndex
		}
		return n, iface, from, err
	}
	n, cm, from, err := r.f.p6.ReadFrom(r.buffer)
	if cm != nil {
		iface = cm.IfIndex
	}
	return n, iface, from, err
}

// Datagrams yields what the last Read took. The bytes are borrowed until the
// next Read.
func (r *Reader) Datagrams() iter.Seq2[link.Path, []byte] {
	return func(yield func(link.Path, []byte) bool) { yield(r.from, r.buffer[:r.n]) }
}
