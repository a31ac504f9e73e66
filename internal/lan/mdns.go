package lan

import (
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/libp2p/go-reuseport"
	"github.com/pion/mdns/v2"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const (
	mdnsService = "_caracal._udp" // RFC 6763 §7
	mdnsVersion = "1"
	mdnsPort    = "5353"
	// queryFirst doubles up to queryLast: how long one question is waited for.
	queryFirst = time.Second
	queryLast  = time.Minute
	// queryRarely is how long questions rest while beacons find the neighbours: every
	// question has every node answer (spec L3.2).
	queryRarely = 15 * time.Minute
	// rebuildAfter is how long after a change of interfaces the responder starts anew.
	rebuildAfter = time.Second
	// maxHints bounds what one round of questions may bring.
	maxHints = 64
)

// A Hint says that somebody claims to be at an address. It is no more than a
// reason to say hello there (spec L3.3).
type Hint struct {
	SID  string         // as claimed, hex
	Addr netip.AddrPort // with a zone when link-local
}

// An MDNSConfig sets up an MDNS.
type MDNSConfig struct {
	SID        string      // ours, hex
	Port       uint16      // where we listen
	NetworkKey *[32]byte   // of a private mesh, whose members only learn the SID; nil = the open mesh
	Found      func(Hint)  // gets what others announce
	Needed     func() bool // tells whether nobody was found otherwise
	Note       func(string)
}

// An MDNS announces us by multicast DNS and asks who else is there (spec L3). It works
// in goroutines of its own and holds nobody up.
type MDNS struct {
	MDNSConfig
	veil   *veil
	change chan []Interface
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// StartMDNS announces us on the interfaces given to SetInterfaces. Note gets a line when mDNS does
// not work, "" when it does.
func StartMDNS(cfg MDNSConfig) *MDNS {
	ctx, cancel := context.WithCancel(context.Background())
	m := &MDNS{MDNSConfig: cfg, veil: newVeil(cfg.NetworkKey), change: make(chan []Interface, 1), cancel: cancel}
	m.done.Add(1)
	go func() {
		defer m.done.Done()
		m.run(ctx)
	}()
	return m
}

// SetInterfaces tells which interfaces to use from now on. It does not wait.
func (m *MDNS) SetInterfaces(ifaces []Interface) {
	ifaces = slices.DeleteFunc(slices.Clone(ifaces), func(i Interface) bool { return !i.Multicasts() || i.Loopback() })
	select {
	case <-m.change: // nobody has looked at the last yet
	default:
	}
	m.change <- ifaces
}

// Close ends the announcement.
func (m *MDNS) Close() {
	m.cancel()
	m.done.Wait()
}

// run keeps one responder for the present interfaces (spec L3.4).
func (m *MDNS) run(ctx context.Context) {
	var ifaces []Interface
	for ctx.Err() == nil {
		ifaces = m.session(ctx, ifaces)
		if sleep(ctx, rebuildAfter) {
			select {
			case ifaces = <-m.change:
			default:
			}
		}
	}
}

// session serves the interfaces until they change, and returns the new ones.
func (m *MDNS) session(ctx context.Context, ifaces []Interface) []Interface {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var again <-chan time.Time
	if len(ifaces) > 0 {
		conn, err := m.open(ifaces)
		if err != nil {
			m.Note("mDNS is not available: " + err.Error())
			again = time.After(queryLast)
		} else {
			m.Note("")
			defer conn.Close()
			m.done.Go(func() { m.ask(ctx, conn) })
		}
	}
	select {
	case <-ctx.Done():
		return nil
	case <-again:
		return ifaces
	case next := <-m.change:
		return next
	}
}

// open binds port 5353, shared with other responders, and registers us.
func (m *MDNS) open(ifaces []Interface) (*mdns.Conn, error) {
	var p4 *ipv4.PacketConn
	var p6 *ipv6.PacketConn
	c4, err4 := reuseport.ListenPacket("udp4", "0.0.0.0:"+mdnsPort)
	if err4 == nil {
		p4 = ipv4.NewPacketConn(c4)
	}
	c6, err6 := reuseport.ListenPacket("udp6", "[::]:"+mdnsPort)
	if err6 == nil {
		p6 = ipv6.NewPacketConn(c6)
	}
	if err4 != nil && err6 != nil {
		return nil, errors.Join(err4, err6)
	}
	conn, err := mdns.NewServer(p4, p6, m.options(ifaces)...)
	if err != nil {
		for _, c := range []net.PacketConn{c4, c6} {
			if c != nil {
				c.Close()
			}
		}
		return nil, err
	}
	return conn, nil
}

func (m *MDNS) options(ifaces []Interface) []mdns.ServerOption {
	var use []net.Interface
	for _, i := range ifaces {
		use = append(use, net.Interface{Index: int(i.Index), Name: i.Name, MTU: i.MTU, Flags: i.Flags})
	}
	name, who := m.announced()
	return []mdns.ServerOption{
		mdns.WithInterfaces(use...),
		mdns.WithLocalNames(name + ".local"),
		mdns.WithQueryInterval(2 * queryLast), // ask decides when
		mdns.WithCacheRefresh(false),
		mdns.WithService(mdns.ServiceInstance{
			Instance: name, Service: mdnsService, Host: name + ".local.", Port: m.Port,
			Text: []mdns.TXTEntry{
				who,
				mdns.NewTXTString("port", strconv.Itoa(int(m.Port))),
				mdns.NewTXTString("v", mdnsVersion),
			},
		}),
	}
}

// The TXT keys of who announces: a SID, or one that only members of a private mesh can read.
const (
	keyOpen   = "sid"
	keySealed = "m"
)

// announced is what we are called, and the entry that tells who we are (spec L3.1, L3.6).
func (m *MDNS) announced() (name string, who mdns.TXTEntry) {
	if m.veil == nil {
		return m.SID[:8], mdns.NewTXTString(keyOpen, m.SID)
	}
	var random [4]byte
	crand.Read(random[:])
	return hex.EncodeToString(random[:]), mdns.NewTXTString(keySealed, m.veil.seal(m.SID))
}

// ask browses in rounds, quickly at first, then once a minute or rarely (spec L3.2). Each
// round forgets what the one before collected, so a flood of answers cannot add up.
func (m *MDNS) ask(ctx context.Context, conn *mdns.Conn) {
	var asked time.Time
	for wait := queryFirst; ctx.Err() == nil; wait = min(2*wait, queryLast) {
		if wait == queryLast && time.Since(asked) < queryRarely && !m.Needed() {
			sleep(ctx, wait)
			continue
		}
		asked = time.Now()
		round, cancel := context.WithTimeout(ctx, wait)
		hints := 0
		var mu sync.Mutex
		conn.OnServiceDiscovered(func(e mdns.ServiceEvent) {
			mu.Lock()
			hints++
			few := hints <= maxHints
			mu.Unlock()
			if h, ok := m.hint(e); ok && few {
				m.Found(h)
			}
		})
		_ = conn.Browse(round, mdnsService) // fails only when closed
		<-round.Done()
		cancel()
	}
}

// hint reads what an instance says; ok is false when it is nothing to us.
func (m *MDNS) hint(e mdns.ServiceEvent) (h Hint, ok bool) {
	version := ""
	for _, t := range e.Instance.Text {
		switch {
		case t.Key == keyOpen && m.veil == nil:
			h.SID = string(t.Value)
		case t.Key == keySealed && m.veil != nil:
			h.SID, _ = m.veil.open(string(t.Value))
		case t.Key == "v":
			version = string(t.Value)
		}
	}
	h.Addr = netip.AddrPortFrom(e.Addr, e.Instance.Port)
	ok = version == mdnsVersion && h.SID != m.SID && len(h.SID) == 64 && e.Instance.Port != 0 && e.Addr.IsValid() && !e.Addr.IsMulticast()
	return h, ok && (!e.Addr.IsLinkLocalUnicast() || e.Addr.Is4() || e.Addr.Zone() != "")
}
