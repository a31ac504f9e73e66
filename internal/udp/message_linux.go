package udp

import (
	"net/netip"
	"unsafe"

	"github.com/caracal-mesh/caracal/link"
	"golang.org/x/sys/unix"
)

// An mmsghdr is the kernel's struct mmsghdr (recvmmsg(2)). Go pads its end as
// C does; a field that did would be one too many where there is nothing to pad.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// controlSize holds the control messages of one datagram, either direction:
// packet info of the larger family and a segment size, with their headers.
const controlSize = 128

// A message is one entry of a recvmmsg or sendmmsg call: the places its header
// points to.
type message struct {
	iov     unix.Iovec
	name    unix.RawSockaddrInet6 // holds a RawSockaddrInet4 as well
	control [controlSize / 8]uint64
}

// controlAt is the control buffer from offset on.
func (m *message) controlAt(offset int) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(&m.control), offset)
}

// point makes h describe m.
func (m *message) point(h *mmsghdr) {
	h.hdr.Name = (*byte)(unsafe.Pointer(&m.name))
	h.hdr.Iov = &m.iov
	h.hdr.SetIovlen(1)
	h.hdr.Control = (*byte)(unsafe.Pointer(&m.control))
}

// setName writes the address into m and returns its length.
func (m *message) setName(four bool, to netip.AddrPort, iface uint32) uint32 {
	port := to.Port()
	if four {
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&m.name))
		*sa = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4()}
		putPort(&sa.Port, port)
		return unix.SizeofSockaddrInet4
	}
	m.name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.Addr().As16()}
	if to.Addr().IsLinkLocalUnicast() || to.Addr().IsMulticast() {
		m.name.Scope_id = iface
	}
	putPort(&m.name.Port, port)
	return unix.SizeofSockaddrInet6
}

// source reads the address a datagram came from, without zone.
func (m *message) source(four bool) netip.AddrPort {
	if four {
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&m.name))
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), port(&sa.Port))
	}
	return netip.AddrPortFrom(netip.AddrFrom16(m.name.Addr).Unmap(), port(&m.name.Port))
}

// putPort writes a port in network order.
func putPort(p *uint16, port uint16) {
	b := (*[2]byte)(unsafe.Pointer(p))
	b[0], b[1] = byte(port>>8), byte(port)
}

func port(p *uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(p))
	return uint16(b[0])<<8 | uint16(b[1])
}

// setControl writes which interface to leave by (0: the routing picks), how many routers to pass (0: as usual) and the
// segment size (0: one datagram), and returns the length of both.
func (m *message) setControl(four bool, to link.Path, segment int) int {
	n, iface := 0, to.Iface
	if to.TTL != 0 && four {
		put(m, &n, unix.IPPROTO_IP, unix.IP_TTL, int32(to.TTL))
	}
	if to.TTL != 0 && !four {
		put(m, &n, unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT, int32(to.TTL))
	}
	if iface != 0 && four {
		put(m, &n, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.Inet4Pktinfo{Ifindex: int32(iface)})
	}
	if iface != 0 && !four {
		put(m, &n, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.Inet6Pktinfo{Ifindex: iface})
	}
	if segment != 0 {
		put(m, &n, unix.IPPROTO_UDP, unix.UDP_SEGMENT, uint16(segment))
	}
	return n
}

// put appends one control message at *n.
func put[T any](m *message, n *int, level, kind int32, value T) {
	size := int(unsafe.Sizeof(value))
	h := (*unix.Cmsghdr)(m.controlAt(*n))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(size))
	*(*T)(m.controlAt(*n + unix.CmsgLen(0))) = value
	*n += unix.CmsgSpace(size)
}

// readControl finds the interface a datagram came in by and the segment size
// it was coalesced with (0: it is one).
func (m *message) readControl(length int) (iface uint32, segment int) {
	for at := 0; at+unix.CmsgLen(0) <= length; {
		h := (*unix.Cmsghdr)(m.controlAt(at))
		size := int(h.Len)
		if size < unix.CmsgLen(0) || at+size > length {
			break
		}
		data := m.controlAt(at + unix.CmsgLen(0))
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && size >= unix.CmsgLen(unix.SizeofInet4Pktinfo):
			iface = uint32((*unix.Inet4Pktinfo)(data).Ifindex)
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && size >= unix.CmsgLen(unix.SizeofInet6Pktinfo):
			iface = (*unix.Inet6Pktinfo)(data).Ifindex
		case h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && size >= unix.CmsgLen(4):
			segment = int(*(*int32)(data))
		}
		at += unix.CmsgSpace(size - unix.CmsgLen(0))
	}
	return iface, segment
}
