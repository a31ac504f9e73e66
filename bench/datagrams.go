package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

// A flooder is a peer that can be sent datagrams as fast as they go: it tells how many went all the way, and the CPU time of
// who passed them on.
type flooder interface {
	flood(ctx context.Context, size int, lasting time.Duration) (passed uint64, seconds float64, err error)
}

// datagrams is the CPU time that a relay, or a bare echo, takes for a datagram of a size: relay_us.
func datagrams(ctx context.Context, c config, p peer, figures map[string]any) error {
	f, ok := p.(flooder)
	if !ok {
		return fmt.Errorf("no test of datagrams for %s", c.proto)
	}
	passed, seconds, err := f.flood(ctx, c.size, c.seconds)
	if err != nil {
		return err
	}
	figures["relay_us"] = seconds / float64(max(passed, 1)) * 1e6
	figures["relay_s"] = float64(passed) / c.seconds.Seconds()
	return nil
}

// busyPause is how long a full queue is left alone.
const busyPause = 200 * time.Microsecond

// countPort is where the server takes datagrams that it only counts.
const countPort = 4000

var counted atomic.Uint64

// count counts what arrives.
func count(conn net.PacketConn) {
	buf := make([]byte, 1<<16)
	for {
		if _, _, err := conn.ReadFrom(buf); err != nil {
			return
		}
		counted.Add(1)
	}
}

func (p *caracalPeer) flood(ctx context.Context, size int, lasting time.Duration) (uint64, float64, error) {
	var socket *mdp.Socket
	var err error
	p.h.Do(func(_ time.Time, n *node.Node) { socket, err = n.MDP().Bind(sid.None, 0) })
	if err != nil {
		return 0, 0, err
	}
	relay := func(ctx context.Context) (stream, error) { return p.openTo(ctx, p.relay) }
	server := func(ctx context.Context) (stream, error) { return p.openTo(ctx, p.sid) }
	if _, err := ask(ctx, server, toCount); err != nil { // and there is a session
		return 0, 0, err
	}
	cpu, err := askCPU(ctx, relay)
	if err != nil {
		return 0, 0, err
	}
	payload := make([]byte, size)
	for end := time.Now().Add(lasting); time.Now().Before(end); {
		p.h.Do(func(now time.Time, _ *node.Node) {
			for err = nil; err == nil; { // until the queue is full
				err = socket.SendTo(now, mdp.Addr{SID: p.sid, Port: countPort}, payload, link.Bulk)
			}
		})
		if !errors.Is(err, mdp.ErrBusy) && !errors.Is(err, overlay.ErrBusy) {
			return 0, 0, err
		}
		time.Sleep(busyPause)
	}
	time.Sleep(settleFor)
	after, err := askCPU(ctx, relay)
	if err != nil {
		return 0, 0, err
	}
	n, err := ask(ctx, server, toCount)
	return n, after - cpu, err
}

// ask asks who is at the other end for eight bytes of the given kind.
func ask(ctx context.Context, open func(context.Context) (stream, error), kind byte) (uint64, error) {
	s, err := open(ctx)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if _, err := s.Write([]byte{kind}); err != nil {
		return 0, err
	}
	var b [8]byte
	_, err = io.ReadFull(s, b[:])
	return binary.BigEndian.Uint64(b[:]), err
}

// echoBatch is how many datagrams a system call of the bare echo moves.
const echoBatch = 64

// A mmsg is as many datagrams as one call of recvmmsg or sendmmsg moves.
type mmsg struct {
	headers [echoBatch]struct {
		hdr unix.Msghdr
		n   uint32
		_   [4]byte
	}
	iovs  [echoBatch]unix.Iovec
	names [echoBatch]unix.RawSockaddrInet4
	bytes [echoBatch][2048]byte
}

func newMmsg() *mmsg {
	m := new(mmsg)
	for i := range m.headers {
		m.iovs[i].Base = &m.bytes[i][0]
		h := &m.headers[i].hdr
		h.Iov, h.Name = &m.iovs[i], (*byte)(unsafe.Pointer(&m.names[i]))
		h.SetIovlen(1)
	}
	return m
}

// call is recvmmsg or sendmmsg of n datagrams.
func (m *mmsg) call(trap uintptr, fd, n int) (int, error) {
	for {
		got, _, errno := unix.Syscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(&m.headers[0])), uintptr(n), unix.MSG_WAITFORONE, 0, 0)
		switch errno {
		case 0:
			return int(got), nil
		case unix.EINTR, unix.EAGAIN:
		default:
			return 0, errno
		}
	}
}

// receive takes what is there, at least one.
func (m *mmsg) receive(fd int) (int, error) {
	for i := range m.headers {
		m.iovs[i].SetLen(len(m.bytes[i]))
		m.headers[i].hdr.Namelen = unix.SizeofSockaddrInet4
	}
	return m.call(unix.SYS_RECVMMSG, fd, echoBatch)
}

// send sends the first n.
func (m *mmsg) send(fd, n int) error {
	for done := 0; done < n; {
		k, err := m.call(unix.SYS_SENDMMSG, fd, n-done)
		if err != nil {
			return err
		}
		done += k
	}
	return nil
}

// udpSocket is a blocking socket; the Go runtime has no part in what is measured.
func udpSocket(addr string) (int, error) {
	a, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		return -1, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	for _, option := range []int{unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 4<<20)
	}
	return fd, unix.Bind(fd, &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(a.IP.To4())})
}

// echoServe sends back each datagram; and tells, by TCP at the same port, the CPU time that took.
func echoServe(c config, ready func()) error {
	fd, err := udpSocket(c.listen)
	if err != nil {
		return err
	}
	go func() {
		m := newMmsg()
		for {
			n, err := m.receive(fd)
			if err != nil {
				return
			}
			for i := range n {
				m.iovs[i].SetLen(int(m.headers[i].n))
			}
			if m.send(fd, n) != nil {
				return
			}
		}
	}()
	return tcpServe(c, ready)
}

// An echoPeer floods a bare echo.
type echoPeer struct{ tcpPeer }

func newEchoPeer(addr string) peer { return &echoPeer{tcpPeer{addr: addr}} }

func (p *echoPeer) flood(ctx context.Context, size int, lasting time.Duration) (uint64, float64, error) {
	fd, err := udpSocket("0.0.0.0:0")
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(fd)
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 300_000})
	a, err := net.ResolveUDPAddr("udp4", p.addr)
	if err != nil {
		return 0, 0, err
	}
	cpu, err := p.cpu(ctx)
	if err != nil {
		return 0, 0, err
	}
	end := time.Now().Add(lasting)
	failed := make(chan error, 1)
	go func() { failed <- pour(fd, a, size, end) }()
	var passed uint64
	for m := newMmsg(); time.Now().Before(end.Add(settleFor)); {
		if n, err := m.receiveSome(fd); err == nil {
			passed += uint64(n)
		}
	}
	if err := <-failed; err != nil {
		return 0, 0, err
	}
	after, err := p.cpu(ctx)
	return passed, after - cpu, err
}

// receiveSome is receive that gives up after the socket's timeout.
func (m *mmsg) receiveSome(fd int) (int, error) {
	for i := range m.headers {
		m.iovs[i].SetLen(len(m.bytes[i]))
		m.headers[i].hdr.Namelen = unix.SizeofSockaddrInet4
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.headers[0])), echoBatch, unix.MSG_WAITFORONE, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// pour sends datagrams until the end.
func pour(fd int, to *net.UDPAddr, size int, end time.Time) error {
	m := newMmsg()
	for i := range m.headers {
		m.iovs[i].SetLen(size)
		m.names[i] = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte(to.IP.To4())}
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&m.names[i].Port))[:], uint16(to.Port))
		m.headers[i].hdr.Namelen = unix.SizeofSockaddrInet4
	}
	for time.Now().Before(end) {
		if err := m.send(fd, echoBatch); err != nil {
			return err
		}
	}
	return nil
}
