package udp

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// A family is the socket of one IP version and the messages on their way into it.
type family struct {
	owner *Socket
	conn  *net.UDPConn
	aside *net.UDPConn // the second socket of the port, only read; nil: none
	raw   syscall.RawConn
	four  bool
	gso   atomic.Bool // the kernel segments for us
	out   outbox
}

// newFamily sets the options up. conn's control messages and sizes are ours from now on.
func newFamily(s *Socket, conn *net.UDPConn, four bool) (*family, *Reader, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, nil, fmt.Errorf("udp: %w", err)
	}
	f := &family{owner: s, conn: conn, raw: raw, four: four}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = f.options(int(fd)) })
	if err := errors.Join(err, failed); err != nil {
		return nil, nil, fmt.Errorf("udp: socket options: %w", err)
	}
	f.out.init(f)
	return f, newReader(f, raw, readMessages, readSize), nil
}

// enlarge asks for as much room as the node's own socket has.
func enlarge(conn *net.UDPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		for _, o := range [...][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
			if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, o[0], bufferSize) != nil {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, o[1], bufferSize)
			}
		}
	})
}

// options asks for what we cannot do without (which interface a datagram came
// in by, broadcast), then for what only makes it faster.
func (f *family) options(fd int) error {
	set := func(level, name, value int) error { return unix.SetsockoptInt(fd, level, name, value) }
	var err error
	if f.four {
		err = errors.Join(set(unix.IPPROTO_IP, unix.IP_PKTINFO, 1), set(unix.SOL_SOCKET, unix.SO_BROADCAST, 1),
			set(unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 1), set(unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 1))
	} else {
		err = errors.Join(set(unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1),
			set(unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 1), set(unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 1))
	}
	if err != nil {
		return err
	}
	if set(unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bufferSize) != nil {
		_ = set(unix.SOL_SOCKET, unix.SO_RCVBUF, bufferSize)
	}
	if set(unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, bufferSize) != nil {
		_ = set(unix.SOL_SOCKET, unix.SO_SNDBUF, bufferSize)
	}
	_ = set(unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	_, gsoErr := unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
	f.gso.Store(gsoErr == nil)
	return nil
}

// segments reports whether the kernel segments for us.
func (f *family) segments() bool { return f.gso.Load() }

// close closes the port.
func (f *family) close() error {
	if f.aside != nil {
		return errors.Join(f.conn.Close(), f.aside.Close())
	}
	return f.conn.Close()
}

// overflowed is how many datagrams the kernel's queues had no room for.
func (f *family) overflowed() uint64 { return drops(f.conn) + drops(f.aside) }
