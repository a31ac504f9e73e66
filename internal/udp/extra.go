package udp

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/caracal-mesh/caracal/link"
)

// Bounds of the sockets besides the node's own.
const (
	maxExtra   = 640
	extraIdle  = 3 * time.Minute // without a datagram sent, after which one is closed
	extraSweep = 10 * time.Second
	extraRead  = 2048 // bytes of a datagram; they serve paths through routers, of base MTU
	keptExtra  = 1    // the number of the one that is not closed
)

// extras are sockets besides the node's own, each with a port of its own, opened by the first datagram sent from it
// (link.Path.Socket): a NAT gives each a mapping of its own.
type extras struct {
	mu    sync.Mutex
	open  map[extraKey]*extra
	swept time.Time
	take  func(from link.Path, datagram []byte)
	ended bool
}

type extraKey struct {
	socket uint16
	four   bool
}

// An extra is one such socket.
type extra struct {
	conn *net.UDPConn
	used time.Time
}

// OnExtra says who takes what arrives at sockets besides the node's own; each has a goroutine. Datagrams are borrowed. Nil: none
// is opened.
func (s *Socket) OnExtra(take func(from link.Path, datagram []byte)) {
	s.extras.mu.Lock()
	defer s.extras.mu.Unlock()
	s.extras.take = take
}

// OpenExtra opens socket 1 for IPv4, which stays open, and tells its port; 0 when that failed.
func (s *Socket) OpenExtra() uint16 {
	s.extras.mu.Lock()
	defer s.extras.mu.Unlock()
	e := s.extra(extraKey{keptExtra, true})
	if e == nil {
		return 0
	}
	return e.conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

// writeExtra sends a run from a socket besides the node's own.
func (s *Socket) writeExtra(run link.Run) {
	s.extras.mu.Lock()
	defer s.extras.mu.Unlock()
	addr := run.To.Addr.Addr()
	four := addr.Is4() || addr.Is4In6()
	e := s.extra(extraKey{run.To.Socket, four})
	if e == nil {
		s.stats.sendErrors.Add(uint64(run.Count))
		return
	}
	if run.To.TTL != 0 {
		usual := e.ttl(four)
		e.setTTL(four, int(run.To.TTL))
		defer e.setTTL(four, usual)
	}
	to := netip.AddrPortFrom(addr.Unmap(), run.To.Addr.Port())
	for data := run.Data; len(data) > 0; {
		n := min(run.Segment, len(data))
		if _, err := e.conn.WriteToUDPAddrPort(data[:n], to); err != nil {
			s.stats.sendErrors.Add(1)
		} else {
			s.stats.sent.Add(1)
		}
		data = data[n:]
	}
}

func (e *extra) ttl(four bool) (ttl int) {
	if four {
		ttl, _ = ipv4.NewConn(e.conn).TTL()
	} else {
		ttl, _ = ipv6.NewConn(e.conn).HopLimit()
	}
	return max(ttl, 1)
}

func (e *extra) setTTL(four bool, ttl int) {
	if four {
		_ = ipv4.NewConn(e.conn).SetTTL(ttl)
	} else {
		_ = ipv6.NewConn(e.conn).SetHopLimit(ttl)
	}
}

// extra finds or opens a socket, nil when that fails. extras.mu is held.
func (s *Socket) extra(key extraKey) *extra {
	x, now := &s.extras, time.Now()
	x.sweep(now)
	if e := x.open[key]; e != nil {
		e.used = now
		return e
	}
	if x.take == nil || x.ended {
		return nil
	}
	if len(x.open) >= maxExtra {
		x.closeOldest()
	}
	network := "udp6"
	if key.four {
		network = "udp4"
	}
	conn, err := net.ListenUDP(network, nil)
	if err != nil {
		return nil
	}
	enlarge(conn)
	e := &extra{conn: conn, used: now}
	if x.open == nil {
		x.open = map[extraKey]*extra{}
	}
	x.open[key] = e
	go s.readExtra(key.socket, conn, x.take)
	return e
}

// sweep closes sockets that were not used for long.
func (x *extras) sweep(now time.Time) {
	if now.Sub(x.swept) < extraSweep {
		return
	}
	x.swept = now
	for key, e := range x.open {
		if key.socket != keptExtra && now.Sub(e.used) > extraIdle {
			e.conn.Close()
			delete(x.open, key)
		}
	}
}

func (x *extras) closeOldest() {
	var oldest extraKey
	for key, e := range x.open {
		if key.socket != keptExtra && (x.open[oldest] == nil || e.used.Before(x.open[oldest].used)) {
			oldest = key
		}
	}
	if e := x.open[oldest]; e != nil {
		e.conn.Close()
		delete(x.open, oldest)
	}
}

// readExtra takes what arrives until the socket is closed.
func (s *Socket) readExtra(socket uint16, conn *net.UDPConn, take func(link.Path, []byte)) {
	buffer := make([]byte, extraRead)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(10 * time.Millisecond)
		default:
			s.stats.received.Add(1)
			take(link.Path{Socket: socket, Addr: netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())}, buffer[:n])
		}
	}
}

// closeExtras closes all.
func (s *Socket) closeExtras() {
	s.extras.mu.Lock()
	defer s.extras.mu.Unlock()
	s.extras.ended = true
	for _, e := range s.extras.open {
		e.conn.Close()
	}
	s.extras.open = nil
}
