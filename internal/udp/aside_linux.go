package udp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	asideMessages = 64
	asideSize     = 1 << 11 // bytes per message
	asideBuffer   = 1 << 18 // bytes that the kernel holds; it counts each small datagram as some 800
)

// Aside gives the datagrams that begin with the byte a socket, a queue in the kernel and a
// Reader of their own, so that a flood of them is in the way of no others. What has no room
// in that queue is dropped by whoever sends it, or by the driver, and costs the reader
// nothing. Of those that came coalesced the first is taken. It is called once, before Readers. Where
// the system cannot do it, all comes by the other Readers.
//
// A classic BPF program picks one of the two
// sockets that share the port (SO_REUSEPORT, SO_ATTACH_REUSEPORT_CBPF of Linux 4.5).
func (s *Socket) Aside(first byte) error {
	for _, f := range []*family{s.v4, s.v6} {
		if f == nil {
			continue
		}
		r, err := f.split(first)
		if err != nil {
			return fmt.Errorf("udp: a queue of its own: %w", err)
		}
		s.readers = append(s.readers, r)
	}
	return nil
}

// split opens the second socket of the port. The first was bound while it shared with nobody, so
// ErrPortInUse means what it says.
func (f *family) split(first byte) (*Reader, error) {
	if err := control(f.raw, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}); err != nil {
		return nil, err
	}
	network := "udp6"
	if f.four {
		network = "udp4"
	}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return control(raw, func(fd int) error {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, asideBuffer)
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
	}}
	addr := f.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	conn, err := lc.ListenPacket(context.Background(), network, netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()).String())
	if err != nil {
		return nil, err
	}
	f.aside = conn.(*net.UDPConn)
	raw, err := f.aside.SyscallConn()
	if err != nil {
		return nil, err
	}
	if err := control(raw, func(fd int) error {
		level, option := unix.IPPROTO_IP, unix.IP_PKTINFO
		if !f.four {
			level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO
		}
		if err := unix.SetsockoptInt(fd, level, option, 1); err != nil {
			return err
		}
		// Whether datagrams are coalesced the kernel decides before it runs the program: by a socket of the two that the
		// hash of the flow picks.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1)
		return attach(fd, first)
	}); err != nil {
		f.aside.Close()
		f.aside = nil
		return nil, err
	}
	return newReader(f, raw, asideMessages, asideSize), nil
}

// attach has the kernel give what begins with the byte to the second socket of the port, and all else
// to the first. The program sees the datagram without its UDP header.
func attach(fd int, first byte) error {
	code := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(first)},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
		&unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
}

// control gives f the socket.
func control(raw syscall.RawConn, f func(fd int) error) error {
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// drops is how many datagrams had no room in the kernel's queue of the socket.
func drops(conn *net.UDPConn) uint64 {
	if conn == nil {
		return 0
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	_ = raw.Control(func(fd uintptr) {
		unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	return uint64(info[unix.SK_MEMINFO_DROPS])
}
