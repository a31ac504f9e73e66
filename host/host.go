// Package host is the real world around a node: sockets, goroutines, the
// clock, the key file, LAN discovery, and the blocking net.Conn, net.Listener and
// net.PacketConn that applications know. It knows nothing of the protocol.
package host

import (
	"context"
	"crypto/mlkem"
	crand "crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caracal-mesh/caracal/internal/lan"
	"github.com/caracal-mesh/caracal/internal/portmap"
	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/internal/udp"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

const (
	lingerFor   = time.Second            // for closed streams to deliver what they hold
	leaveFor    = 100 * time.Millisecond // for what tells the peers to be written
	settleEvery = 2 * time.Millisecond
)

// internetMTU is the largest UDP payload that is tried where there are routers in between: Ethernet's, less IPv6 and UDP.
const internetMTU = 1500 - 48

// DefaultListen is where a node listens when nothing else is said.
const DefaultListen = ":4117"

// Config sets up a Host. Only Home is required.
type Config struct {
	Home          string       // directory of keys, contacts and whatever else a node keeps
	Passphrase    []byte       // of the primary identity, if that is sealed; overwritten when it is open
	Name          string       // told to members of the mesh
	Listen        string       // "ADDR:PORT" of the data socket; "" = DefaultListen, port 0 = any
	Interfaces    []string     // patterns of interface names to use, "!" excludes; none = all sensible (spec L2.2)
	Peers         []string     // "host[:port]" always tried
	NoPostQuantum bool         // exchange no post-quantum secrets
	NoDiscovery   bool         // neither beacons nor mDNS
	NoMDNS        bool         // beacons only
	NoBroadcast   bool         // no beacons by IPv4 broadcast
	NoMulticast   bool         // none by multicast, IPv4 and IPv6
	DiscoveryPort uint16       // where beacons go; 0 = udp.DiscoveryPort
	NoRelay       bool         // do not carry the traffic of others
	NoPunch       bool         // open no direct paths through NATs
	NoPortMap     bool         // ask no router to open a port
	STUN          []string     // "host[:port]" asked where they see us, besides neighbours
	NetworkKey    *[32]byte    // nil = the open mesh
	Log           *slog.Logger // nil = silent
	Trace         trace.Sink   // called with the node locked: it must be quick and not call back; may be nil

	rhythm rhythm // of tests; else the wall's
}

// A Host runs one node on this machine. All its methods may be called from any
// goroutine.
type Host struct {
	*Net
	cfg     Config
	log     *slog.Logger
	home    *home
	socket  *udp.Socket
	choice  lan.Choice
	beacons *lan.Discovery  // nil without discovery
	mdns    *lan.MDNS       // nil without mDNS
	ctx     context.Context // ends with the host
	cancel  context.CancelFunc
	done    sync.WaitGroup
	closing sync.Once
	mapper  atomic.Pointer[portmap.Mapper] // nil: no router was asked for a port

	mu       sync.Mutex    // guards what follows: the one lock of the node
	together time.Time     // when what was read last woke several at once,
	crowdFor time.Duration // who are a crowd for so long
	node     *node.Node
	clock    clock
	pump     pump
	table    lan.Table
	ifaces   []lan.Interface
	peers    peers
	hints    hints
	notes    notes
	taps     taps
	ears     ears
	sequence sequence
	started  time.Time
}

// Start brings a node up. It runs until Close, or until ctx ends. Errors:
// ErrPortInUse, ErrConfig, ErrHomeInUse, ErrHomeOwner, ErrKeyPermissions, ErrCorruptKey, ErrLocked,
// ErrPassphrase, and those of the file system.
func Start(ctx context.Context, cfg Config) (*Host, error) {
	h := &Host{cfg: cfg, log: cfg.Log, clock: newClock(asleep), crowdFor: crowdFor}
	h.Net = NewNet(h)
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	h.log = slog.New(newLessLog(h.log.Handler()))
	if err := h.open(); err != nil {
		h.release()
		return nil, err
	}
	h.ctx, h.cancel = context.WithCancel(ctx)
	h.run(h.ctx)
	context.AfterFunc(h.ctx, func() { h.Close() })
	return h, nil
}

// open gets everything that can fail.
func (h *Host) open() error {
	listen, err := h.cfg.check()
	if err != nil {
		return err
	}
	if h.home, err = openHome(h.cfg.Home, h.cfg.Passphrase); err != nil {
		return err
	}
	clear(h.cfg.Passphrase)
	beaconTo := h.cfg.DiscoveryPort
	if beaconTo == 0 {
		beaconTo = udp.DiscoveryPort
	}
	if h.socket, err = udp.Open(listen, beaconTo); err != nil {
		return err
	}
	if err := h.socket.Aside(wire.TypeHandshake1); err != nil {
		h.log.Debug("handshakes share a queue with all else", "err", err)
	}
	h.choice = lan.Choice{Patterns: h.cfg.Interfaces, Addr: listen.Addr()}
	if !h.cfg.NoDiscovery {
		if h.beacons, err = lan.ListenDiscovery(beaconTo, udp.Group4, udp.Group6); err != nil {
			h.notes.set("discovery", "cannot hear beacons: "+err.Error())
		}
	}
	return h.newNode()
}

func (h *Host) newNode() error {
	cfg := node.Config{
		Identities: h.identities(),
		Name:       h.cfg.Name, NetworkKey: h.cfg.NetworkKey, NoRelay: h.cfg.NoRelay,
		HardwareAES: hardwareAES(), Trace: h.trace, Port: h.socket.Port(), NoPunch: h.cfg.NoPunch,
	}
	if !h.cfg.NoPostQuantum {
		cfg.Encapsulate = (*mlkem.EncapsulationKey768).Encapsulate
	}
	crand.Read(cfg.Seed[:]) // the boot number derives from it
	cfg.SeqFloor = h.sequence.load(h.home.dir)
	h.started = h.clock.now()
	n, err := node.New(h.started, cfg)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	n.SetInterface(h.started, 0, link.Caps{Name: "inet", Kind: link.Internet, MTU: internetMTU})
	h.node = n
	h.pump.init(h)
	h.openSockets()
	return nil
}

// run starts what goes on by itself.
func (h *Host) run(ctx context.Context) {
	if h.beacons != nil && !h.cfg.NoMDNS {
		h.mdns = lan.StartMDNS(lan.MDNSConfig{
			SID: h.node.SID().String(), Port: h.socket.Port(), NetworkKey: h.cfg.NetworkKey,
			Found: h.hint, Needed: h.alone, Note: h.mdnsNote,
		})
	}
	all, err := lan.Interfaces()
	if err != nil {
		h.note("interfaces", "cannot list the network interfaces: "+err.Error())
	}
	h.setInterfaces(h.choice.Of(all))
	for _, p := range h.cfg.Peers {
		h.goPeer(ctx, p)
	}
	h.done.Go(h.pump.runWanted)
	h.runNAT(ctx)
	for _, r := range h.socket.Readers() {
		h.done.Go(func() { h.read(r) })
	}
	if h.beacons != nil {
		h.beacons.Serve(h.heard)
	}
	h.log.Info("listening", "sid", h.node.SID().String(), "port", h.socket.Port(), "home", h.home.dir)
	h.done.Go(func() { lan.Watch(ctx, h.choice, h.interfaces(), h.setInterfaces) })
}

// Do gives f the node, alone, then sends what came of it. f must not keep the
// node, nor call the Host, nor wait.
func (h *Host) Do(f func(now time.Time, n *node.Node)) {
	h.mu.Lock()
	now := h.clock.now()
	f(now, h.node)
	if h.crowded(now) {
		h.pump.later()
		return
	}
	h.pump.run()
}

// Look is Do for f that may have changed nothing in the node: then that need not process.
func (h *Host) Look(f func(now time.Time, n *node.Node) (changed bool)) {
	h.mu.Lock()
	now := h.clock.now()
	switch changed := f(now, h.node); {
	case !changed && !h.pump.owes:
		h.mu.Unlock()
	case h.crowded(now):
		h.pump.later()
	default:
		h.pump.run()
	}
}

// Soon is Do, but what comes of f may wait for the next call of Do or Look, a millisecond at most.
func (h *Host) Soon(f func(now time.Time, n *node.Node)) {
	h.mu.Lock()
	now := h.clock.now()
	f(now, h.node)
	if h.crowded(now) {
		h.pump.later()
		return
	}
	h.pump.soon(now)
	h.mu.Unlock()
}

// Close stops the node. Streams that were closed have a second to deliver what they
// still hold; Conn.Flush waits longer. Those open end, here with net.ErrClosed,
// at their peers with msp.ErrPeerRestarted. The neighbours are told, and go other ways at once.
func (h *Host) Close() error {
	h.closing.Do(func() {
		h.settle(lingerFor, func() bool { return h.node.MSP().Delivering() })
		h.Shut()
		h.Do(func(_ time.Time, n *node.Node) { n.Leave() })
		h.settle(leaveFor, func() bool { return h.pump.running || h.pump.stale })
		h.cancel()
		h.release()
		h.done.Wait()
	})
	return nil
}

// settle waits while busy says so, with the lock held, for at most limit.
func (h *Host) settle(limit time.Duration, busy func() bool) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(settleEvery) {
		h.mu.Lock()
		b := busy()
		h.mu.Unlock()
		if !b {
			return
		}
	}
}

// release gives back what open got.
func (h *Host) release() {
	if h.mdns != nil {
		h.mdns.Close()
	}
	if h.beacons != nil {
		h.beacons.Close()
	}
	h.pump.stop()
	if h.socket != nil {
		h.socket.Close()
	}
	if h.home != nil {
		h.home.close()
	}
}

// Self is the node's SID.
func (h *Host) Self() sid.SID { return h.node.SID() }

// Port is the UDP port of the data socket.
func (h *Host) Port() uint16 { return h.socket.Port() }

// Home is the node's directory.
func (h *Host) Home() string { return h.home.dir }

// check finds what is wrong with the configuration before anything is opened.
func (c *Config) check() (listen netip.AddrPort, err error) {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if listen, err = udp.ParseListen(c.Listen); err != nil {
		return listen, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if c.Name != "" {
		if err := sid.CheckName(c.Name); err != nil {
			return listen, fmt.Errorf("%w: name %q: %w", ErrConfig, c.Name, err)
		}
	}
	if bad := lan.CheckPatterns(c.Interfaces); bad != "" {
		return listen, fmt.Errorf("%w: interface pattern %q is malformed", ErrConfig, bad)
	}
	for _, p := range c.Peers {
		if _, _, err := splitPeer(p); err != nil {
			return listen, err
		}
	}
	for _, s := range c.STUN {
		if err := CheckSTUN(s); err != nil {
			return listen, err
		}
	}
	return listen, nil
}
