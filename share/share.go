// Package share sends files and folders between nodes and takes what others
// send: it offers, asks for consent, resumes, and verifies (docs/spec/share.md).
// It needs streams to services of peers and knows nothing of how they work.
package share

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/sid"
)

// Service is the name under which nodes take files (spec F).
const Service = "caracal.files/1"

// maxReceivers bounds the transfers that come in, or wait for consent, at once.
const maxReceivers = maxWaiting + 64

// Bounds for one sender: streams of any kind, and transfers that were accepted (spec F3.3).
const (
	maxReceiversPerPeer = 32
	maxActivePerPeer    = 8
)

// A Network carries streams to services of peers. The RemoteAddr of its connections
// is an mdp.Addr.
type Network interface {
	DialService(ctx context.Context, peer sid.SID, service string) (net.Conn, error)
	ListenService(service string) (net.Listener, error)
}

// Config sets up an Exchange.
type Config struct {
	Home   string             // folder of the inbox file; it exists
	Files  string             // folder for received files; created when missing
	Accept Mode               // whose files are taken without asking; "" = Contacts
	Known  func(sid.SID) bool // who is a contact; nil = nobody
	Block  func(sid.SID) bool // whose offers are refused whatever Accept says; nil = nobody's
	Told   func(Item)         // of every state that an incoming transfer takes; must return at once and not call back; nil = nobody
	Log    *slog.Logger       // nil = silent
}

// An Exchange sends and takes files for one node. Its methods may be called from any goroutine.
type Exchange struct {
	cfg    Config
	mode   atomic.Value // Mode: whose files are taken now
	net    Network
	store  *store
	inbox  *inbox
	shares *catalogue
	fault  func(at int64) error // tests: errors of the disk
	coarse bool                 // tests: a system that does not tell when a file last changed
	memKey [32]byte             // of what is remembered

	listed    atomic.Int64 // bytes of ENTRIES that receivers hold
	maxListed int64        // the bound of that (spec F3.3)
	promised  atomic.Int64 // bytes of disk that are kept for transfers that run (spec F6.4)
	quota     atomic.Int64 // bytes that may stand below Files, partial files too; 0 = no bound (spec F6.5)

	mu        sync.Mutex
	closed    bool
	listeners []net.Listener
	receivers map[*receiver]bool
	givers    map[*giver]bool
	incoming  map[string]*receiver // by sender and transfer id (spec F5.6)
	outgoing  map[string]*transfer // what we send and fetch, by peer and paths
	recalled  map[string]bool      // transfer ids whose memory a sender has
	running   sync.WaitGroup
}

// New opens the files folder and the inbox.
func New(cfg Config, network Network) (*Exchange, error) {
	mode, err := ParseMode(string(cfg.Accept))
	if err != nil {
		return nil, err
	}
	cfg.Accept = mode
	if cfg.Known == nil {
		cfg.Known = func(sid.SID) bool { return false }
	}
	if cfg.Block == nil {
		cfg.Block = func(sid.SID) bool { return false }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	box, err := openInbox(cfg.Home)
	if err != nil {
		return nil, err
	}
	box.told = cfg.Told
	st, err := openStore(cfg.Files)
	if err != nil {
		return nil, err
	}
	pruneMemories(cfg.Home, time.Now())
	cat, err := openCatalogue(cfg.Home)
	if err != nil {
		st.close()
		return nil, err
	}
	return &Exchange{
		cfg: cfg, net: network, store: st, inbox: box, shares: cat, memKey: loadMemoryKey(cfg.Home),
		maxListed: 2 * maxManifest,
		receivers: map[*receiver]bool{},
		givers:    map[*giver]bool{},
		incoming:  map[string]*receiver{},
		outgoing:  map[string]*transfer{},
		recalled:  map[string]bool{},
	}, nil
}

// Serve takes what others send, and gives what is shared, until Close. It returns nil after Close.
func (x *Exchange) Serve() error {
	ended := make(chan error, 2)
	for service, take := range map[string]func(net.Conn){Service: x.take, SharesService: x.give} {
		go func() { ended <- x.serve(service, take) }()
	}
	err := <-ended
	if err != nil {
		x.shut()
	}
	return errors.Join(err, <-ended)
}

// serve hands the streams to one service to take.
func (x *Exchange) serve(service string, take func(net.Conn)) error {
	l, err := x.net.ListenService(service)
	if err != nil {
		return err
	}
	x.mu.Lock()
	x.listeners = append(x.listeners, l)
	closed := x.closed
	x.mu.Unlock()
	if closed {
		l.Close()
	}
	for {
		conn, err := l.Accept()
		if err == nil {
			take(conn)
			continue
		}
		x.mu.Lock()
		closed := x.closed
		x.mu.Unlock()
		if closed || errors.Is(err, net.ErrClosed) {
			return nil
		}
		return err
	}
}

// shut closes the listeners.
func (x *Exchange) shut() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, l := range x.listeners {
		l.Close()
	}
}

// take starts a receiver for one stream.
func (x *Exchange) take(conn net.Conn) {
	from, ok := conn.RemoteAddr().(mdp.Addr)
	x.mu.Lock()
	defer x.mu.Unlock()
	if !ok || x.closed || len(x.receivers) >= maxReceivers || x.count(from.SID, false) >= maxReceiversPerPeer {
		conn.Close()
		return
	}
	r := newReceiver(x, newPipe(conn), from.SID)
	x.receivers[r] = true
	x.running.Go(func() {
		r.run()
		close(r.over)
		x.mu.Lock()
		delete(x.receivers, r)
		x.mu.Unlock()
	})
}

// give starts a giver for one stream (spec F7.7).
func (x *Exchange) give(conn net.Conn) {
	from, ok := conn.RemoteAddr().(mdp.Addr)
	x.mu.Lock()
	defer x.mu.Unlock()
	theirs := 0
	for g := range x.givers {
		if g.from == from.SID {
			theirs++
		}
	}
	if !ok || x.closed || len(x.givers) >= maxGivers || theirs >= maxGiversPerPeer {
		conn.Close()
		return
	}
	g := &giver{x: x, p: newPipe(conn), from: from.SID}
	x.givers[g] = true
	x.running.Go(func() {
		g.run()
		x.mu.Lock()
		delete(x.givers, g)
		x.mu.Unlock()
	})
}

// count counts the receivers of one sender, or those accepted. x.mu is held.
func (x *Exchange) count(from sid.SID, active bool) (n int) {
	for r := range x.receivers {
		if r.from == from && (r.active || !active) {
			n++
		}
	}
	return n
}

// activate reports whether r may take content: a sender has only so many transfers at once.
func (x *Exchange) activate(r *receiver) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	r.active = x.count(r.from, true) < maxActivePerPeer
	return r.active
}

// deactivate makes room for another transfer.
func (x *Exchange) deactivate(r *receiver) {
	x.mu.Lock()
	defer x.mu.Unlock()
	r.active = false
}

// enter makes r the only receiver of its transfer: an older one of the same sender is
// ended first (spec F5.6).
func (x *Exchange) enter(r *receiver) {
	key := r.key()
	for {
		x.mu.Lock()
		old := x.incoming[key]
		if old == nil {
			x.incoming[key] = r
			x.mu.Unlock()
			return
		}
		x.mu.Unlock()
		old.p.close()
		<-old.over
	}
}

// leave ends what enter began, if it did.
func (x *Exchange) leave(r *receiver) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if key := r.key(); x.incoming[key] == r {
		delete(x.incoming, key)
	}
}

// key is the sender and the transfer's id.
func (r *receiver) key() string { return r.from.String() + r.offer.id.String() }

// Close ends all transfers, which can go on later, and waits for them.
func (x *Exchange) Close() {
	x.mu.Lock()
	x.closed = true
	for r := range x.receivers {
		r.p.close()
	}
	for g := range x.givers {
		g.p.close()
	}
	for _, t := range x.outgoing {
		t.cancel(nil)
	}
	x.mu.Unlock()
	x.shut()
	x.running.Wait()
	x.shares.close()
	x.store.close()
}

// SetQuota bounds the bytes of what stands in the folder for received files, partial files too; 0 = by the disk alone.
func (x *Exchange) SetQuota(bytes int64) { x.quota.Store(bytes) }

// Files is the folder for received files.
func (x *Exchange) Files() string { return x.cfg.Files }

// Inbox lists what was offered to us, oldest first.
func (x *Exchange) Inbox() []Item { return x.inbox.list() }

// Decide accepts or rejects the waiting offer with the given short id. Errors:
// ErrUnknownItem, ErrDecided.
func (x *Exchange) Decide(id string, accept bool) (Item, error) { return x.inbox.decide(id, accept) }

// Sending lists the transfers that are going out, as their latest events.
func (x *Exchange) Sending() []Event {
	x.mu.Lock()
	defer x.mu.Unlock()
	var list []Event
	for _, t := range x.outgoing {
		list = append(list, t.snapshot())
	}
	slices.SortFunc(list, func(a, b Event) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
