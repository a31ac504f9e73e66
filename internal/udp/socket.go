// Package udp is the data socket of a node: one UDP port over IPv4 and IPv6,
// read and written many datagrams a call. On Linux it coalesces what arrives
// (UDP_GRO) and segments what leaves (UDP_SEGMENT); elsewhere one datagram a
// call. It knows interfaces by index and nothing of what is inside a datagram.
package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/caracal-mesh/caracal/link"
)

// DiscoveryPort is the UDP port that beacons are sent to (spec L1.2).
const DiscoveryPort = 4118

// The groups that beacons are sent to (spec L1.3): IPv4 in the organisation's
// own scope (RFC 2365 §6.2), sent with TTL 1, and IPv6 transient link-local
// (RFC 4291 §2.7) with a dynamic group id (RFC 3307 §4.3).
var (
	Group4 = netip.MustParseAddr("239.255.41.18")
	Group6 = netip.MustParseAddr("ff12::8000:4118")
)

// bufferSize is what we ask the kernel to hold per socket and direction, in bytes.
const bufferSize = 4 << 20

// ErrPortInUse matches a PortInUseError.
var ErrPortInUse = errors.New("udp: port in use")

// A PortInUseError says which address another process holds.
type PortInUseError struct{ Addr netip.AddrPort }

// Error names the address.
func (e *PortInUseError) Error() string {
	return fmt.Sprintf("udp port %d (%s) is in use by another program", e.Addr.Port(), e.Addr)
}

// Is makes errors.Is(err, ErrPortInUse) true.
func (e *PortInUseError) Is(target error) bool { return target == ErrPortInUse }

// Stats are the socket's counters.
type Stats struct {
	Sent, Received   uint64 // datagrams
	Writes, Reads    uint64 // system calls that moved any
	SendErrors       uint64 // datagrams the system refused to send
	SegmentFallbacks uint64 // runs the system refused to segment, sent one by one
	Truncated        uint64 // datagrams longer than the read buffer, dropped
	Overflowed       uint64 // datagrams that came while the system's queue was full, dropped; 0 where it does not tell
}

type counters struct {
	sent, received, writes, reads, sendErrors, fallbacks, truncated atomic.Uint64
}

// A Socket is one UDP port, over IPv4, IPv6 or both.
//
// One goroutine per Reader reads; one goroutine at a time writes.
type Socket struct {
	port    uint16
	readers []*Reader
	v4, v6  *family // nil when the system, or the address to listen on, has none
	stats   counters
	extras  extras

	mu    sync.RWMutex
	reach map[uint32]Reach
	to    uint16 // where beacons go
}

// Reach says how everybody on an interface is addressed.
type Reach struct {
	Broadcast4 netip.Addr // 255.255.255.255 or a subnet's; the zero Addr: none
	Multicast4 bool
	Multicast6 bool
}

// Open binds the port at addr: the unspecified address of either family means
// all addresses of both. Port 0 picks a free one. Beacons go to port beaconTo.
// The error is a *PortInUseError when another socket has the port.
func Open(addr netip.AddrPort, beaconTo uint16) (*Socket, error) {
	s := &Socket{reach: make(map[uint32]Reach), to: beaconTo}
	all := !addr.Addr().IsValid() || addr.Addr().IsUnspecified()
	if !all {
		return s, s.bind(addr.Addr().Unmap().Is4(), addr)
	}
	for try := 0; ; try++ {
		err := s.bindBoth(addr.Port())
		if err == nil {
			return s, nil
		}
		s.Close()
		s.v4, s.v6, s.readers = nil, nil, nil
		if addr.Port() != 0 || try == 8 {
			return nil, err
		}
	}
}

// bindBoth binds the port on all addresses of every family the system has.
func (s *Socket) bindBoth(port uint16) error {
	err4 := s.bind(true, netip.AddrPortFrom(netip.IPv4Unspecified(), port))
	if err4 == nil {
		port = s.port
	} else if errors.Is(err4, ErrPortInUse) {
		return err4
	}
	err6 := s.bind(false, netip.AddrPortFrom(netip.IPv6Unspecified(), port))
	if err6 != nil && (err4 != nil || errors.Is(err6, ErrPortInUse)) {
		return err6
	}
	return nil
}

// bind opens the socket of one family.
func (s *Socket) bind(four bool, addr netip.AddrPort) error {
	network := "udp6"
	if four {
		network = "udp4"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
	if errors.Is(err, syscall.EADDRINUSE) {
		return &PortInUseError{Addr: addr}
	}
	if err != nil {
		return fmt.Errorf("udp: listen on %s: %w", addr, err)
	}
	f, r, err := newFamily(s, conn, four)
	if err != nil {
		conn.Close()
		return err
	}
	if four {
		s.v4 = f
	} else {
		s.v6 = f
	}
	s.port = conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	s.readers = append(s.readers, r)
	return nil
}

// Port is the port bound, never 0.
func (s *Socket) Port() uint16 { return s.port }

// Readers gives one Reader per family, two after Aside; each is for one goroutine.
func (s *Socket) Readers() []*Reader { return s.readers }

// Families reports which families the socket has.
func (s *Socket) Families() (four, six bool) { return s.v4 != nil, s.v6 != nil }

// Segments reports whether a run of equal-sized datagrams is one message to the system, in every family.
func (s *Socket) Segments() bool {
	return (s.v4 == nil || s.v4.segments()) && (s.v6 == nil || s.v6.segments())
}

// SetReach says how everybody on the interface is addressed; the zero Reach
// means nobody is.
func (s *Socket) SetReach(iface uint32, reach Reach) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reach == (Reach{}) {
		delete(s.reach, iface)
		return
	}
	s.reach[iface] = reach
}

// everybody appends the addresses that reach everybody on the interface (spec L1.3).
func (s *Socket) everybody(b []netip.AddrPort, iface uint32) []netip.AddrPort {
	s.mu.RLock()
	reach := s.reach[iface]
	s.mu.RUnlock()
	if s.v4 != nil && reach.Broadcast4.IsValid() {
		b = append(b, netip.AddrPortFrom(reach.Broadcast4, s.to))
	}
	if s.v4 != nil && reach.Multicast4 {
		b = append(b, netip.AddrPortFrom(Group4, s.to))
	}
	if s.v6 != nil && reach.Multicast6 {
		b = append(b, netip.AddrPortFrom(Group6, s.to))
	}
	return b
}

// Write sends the batch, and returns when the system has taken or refused all
// of it. Refusals are counted, not told: a datagram may be lost anyway.
func (s *Socket) Write(b *link.Batch) {
	var room [3]netip.AddrPort
	for run := range b.Runs(maxSegments, maxRunBytes) {
		if !run.To.Everybody() {
			if run.To.Socket == 0 {
				s.queue(run)
			} else {
				s.writeExtra(run)
			}
			continue
		}
		for _, to := range s.everybody(room[:0], run.To.Iface) {
			run.To.Addr = to
			s.queue(run)
		}
	}
	for _, f := range []*family{s.v4, s.v6} {
		if f != nil {
			f.flush()
		}
	}
}

// queue gives the run to the socket of its family.
func (s *Socket) queue(run link.Run) {
	f := s.v6
	if to := run.To.Addr.Addr(); to.Is4() || to.Is4In6() {
		f = s.v4
	}
	if f == nil {
		s.stats.sendErrors.Add(uint64(run.Count))
		return
	}
	f.queue(run)
}

// Stats returns the counters.
func (s *Socket) Stats() Stats {
	c := &s.stats
	var overflowed uint64
	for _, f := range []*family{s.v4, s.v6} {
		if f != nil {
			overflowed += f.overflowed()
		}
	}
	return Stats{
		Sent: c.sent.Load(), Received: c.received.Load(), Writes: c.writes.Load(), Reads: c.reads.Load(),
		SendErrors: c.sendErrors.Load(), SegmentFallbacks: c.fallbacks.Load(), Truncated: c.truncated.Load(), Overflowed: overflowed,
	}
}

// Close closes the port; Readers return net.ErrClosed.
func (s *Socket) Close() error {
	s.closeExtras()
	var errs []error
	for _, f := range []*family{s.v4, s.v6} {
		if f != nil {
			errs = append(errs, f.close())
		}
	}
	return errors.Join(errs...)
}

// ParseListen reads "host:port", ":port" or "[v6]:port" as given to --listen.
// An empty or "*" host means all addresses; names are not resolved.
func ParseListen(text string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen address %q is not ADDR:PORT", text)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen address %q: port %q is not a number from 0 to 65535", text, port)
	}
	if host == "" || host == "*" {
		return netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(n)), nil
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen address %q: %q is no IP address", text, host)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), nil
}
