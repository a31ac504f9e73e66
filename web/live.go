package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/share"
)

const (
	lookEvery = time.Second
	askEvery  = 4 * time.Second // one peer behind others for the way to it
	askFor    = 3 * time.Second
	wayHolds  = time.Minute // what was measured of others' links
	maxPast   = 60          // events that a new page is told of
	maxPages  = 16          // at once
	maxUnseen = 64          // events that wait for one page
)

// A Look is all that the page shows of the node at one time. What could not be had is null.
type Look struct {
	Error     string            `json:"error,omitempty"` // why there is nothing
	ReadOnly  bool              `json:"read_only"`
	Status    *client.Status    `json:"status,omitempty"`
	Topology  *client.Topology  `json:"topology,omitempty"`
	Streams   *client.Streams   `json:"streams,omitempty"`
	Inbox     *client.Inbox     `json:"inbox,omitempty"`
	Transfers *client.Transfers `json:"transfers,omitempty"`
	Shares    *client.Shares    `json:"shares,omitempty"` // our own, without their tickets
	Parcels   []Parcel          `json:"parcels"`          // on their way from browsers
}

// A live watches the node, looks at it once a second while somebody has the page open, and then asks now and then what the
// links between others are like.
type live struct {
	node  *client.Client
	ctx   context.Context
	mu    sync.Mutex
	pages map[*page]bool
	looks bool           // it looks; ends a moment after the last page
	last  []byte         // the latest look
	ways  map[string]way // by both ends
	turn  int            // whose way is asked next
	past  []client.Event // the latest, without the log and progress

	fetches atomic.Int32 // that pages have begun
}

// A way is what a trace said of a link between two other nodes.
type way struct {
	at        time.Time
	rtt, loss float64
}

// A page is one open page. Its events wait in a bounded queue.
type page struct {
	news   chan struct{} // there is a new look; has room for one
	events chan client.Event
	lost   uint64 // guarded by live.mu
}

func newLive(ctx context.Context, node *client.Client) *live {
	l := &live{node: node, ctx: ctx, pages: map[*page]bool{}, ways: map[string]way{}}
	go l.watch(ctx)
	return l
}

// open adds a page; nil when there are too many. The first one starts the looking, which ends with the last.
func (l *live) open(look func(context.Context) *Look) *page {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pages) == maxPages {
		return nil
	}
	p := &page{news: make(chan struct{}, 1), events: make(chan client.Event, maxUnseen)}
	l.pages[p] = true
	for _, e := range l.past {
		p.events <- e // they fit: maxPast < maxUnseen
	}
	if !l.looks {
		l.looks = true
		ctx, cancel := context.WithCancel(l.ctx)
		go func() { defer cancel(); l.run(ctx, look) }()
		go l.ask(ctx)
	} else if l.last != nil {
		p.news <- struct{}{}
	}
	return p
}

func (l *live) close(p *page) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pages, p)
}

// run looks once a second, until nobody has the page open.
func (l *live) run(ctx context.Context, look func(context.Context) *Look) {
	for {
		doc, err := json.Marshal(look(ctx))
		if err != nil {
			panic("BUG: a look cannot be written as JSON: " + err.Error())
		}
		l.mu.Lock()
		l.last = doc
		open := len(l.pages)
		for p := range l.pages {
			select {
			case p.news <- struct{}{}:
			default:
			}
		}
		if open == 0 {
			l.last, l.looks = nil, false
		}
		l.mu.Unlock()
		if open == 0 || !wait(ctx, lookEvery) {
			return
		}
	}
}

// wait reports whether ctx is still on after d.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// watch passes the node's events on, also those of a node started anew.
func (l *live) watch(ctx context.Context) {
	for {
		_ = l.node.Watch(ctx, []string{client.KindPeer, client.KindLink, client.KindRoute, client.KindTransfer, client.KindLog}, l.happened)
		if !wait(ctx, lookEvery) {
			return
		}
	}
}

func (l *live) happened(e client.Event) {
	if e.Kind == client.KindWatch && e.Event == "start" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Kind != client.KindLog && e.Event != string(share.Progress) {
		if len(l.past) == maxPast {
			l.past = slices.Delete(l.past, 0, 1)
		}
		l.past = append(l.past, e)
	}
	for p := range l.pages {
		select {
		case p.events <- e:
		default:
			p.lost++
		}
	}
}

// ask traces the way to one peer behind others at a time, which tells of the links on it.
func (l *live) ask(ctx context.Context) {
	for wait(ctx, askEvery) {
		t, err := l.node.Topology(ctx)
		if err != nil {
			continue
		}
		var far []string
		for _, n := range t.Nodes {
			if n.Hops > 1 {
				far = append(far, n.SID)
			}
		}
		if len(far) == 0 {
			continue
		}
		l.turn++
		short, cancel := context.WithTimeout(ctx, askFor)
		tr, err := l.node.Trace(short, far[l.turn%len(far)])
		cancel()
		if err == nil {
			l.learn(t.Nodes[0].SID, tr.Hops)
		}
	}
}

// learn keeps what the hops of a trace say of their links.
func (l *live) learn(self string, hops []client.Hop) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for key, w := range l.ways {
		if now.Sub(w.at) > wayHolds {
			delete(l.ways, key)
		}
	}
	before := self
	for _, h := range hops {
		l.ways[ends(before, h.SID)] = way{now, h.LinkRTT, h.Loss}
		before = h.SID
	}
}

// ends names a link.
func ends(a, b string) string {
	if a > b {
		a, b = b, a
	}
	return a + b
}

// measure adds what is known of others' links.
func (l *live) measure(t *client.Topology) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range t.Links {
		k := &t.Links[i]
		if w, known := l.ways[ends(k.A, k.B)]; known && !k.Measured {
			k.Measured, k.RTT, k.Loss = true, w.rtt, w.loss
		}
	}
}

// look looks at the node.
func (s *Server) look(ctx context.Context) *Look {
	k := &Look{ReadOnly: s.ReadOnly, Parcels: []Parcel{}}
	st, err := s.Node.Status(ctx)
	if err != nil {
		k.Error = client.Printable(err.Error())
		return k
	}
	k.Status = &st
	if t, err := s.Node.Topology(ctx); err == nil {
		s.live.measure(&t)
		k.Topology = &t
	}
	if d, err := s.Node.Streams(ctx, ""); err == nil {
		k.Streams = &d
	}
	if d, err := s.Node.Inbox(ctx); err == nil {
		k.Inbox = &d
	}
	if d, err := s.Node.Transfers(ctx); err == nil {
		k.Transfers = &d
	}
	if d, err := s.Node.Shares(ctx, ""); err == nil {
		for i := range d.Shares {
			d.Shares[i].Ticket = "" // a secret, and of no use here
		}
		k.Shares = &d
	}
	if s.outbox != nil {
		k.Parcels = s.outbox.list()
	}
	return k
}

// stream sends looks and events as they come (server-sent events).
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	p := s.live.open(s.look)
	if p == nil {
		fail(w, http.StatusServiceUnavailable, fmt.Sprintf("this page is open %d times already. Close one.", maxPages))
		return
	}
	defer s.live.close(p)
	w.Header().Set("Content-Type", "text/event-stream")
	c := http.NewResponseController(w)
	for {
		var err error
		select {
		case <-r.Context().Done():
			return
		case <-p.news:
			s.live.mu.Lock()
			doc, lost := s.live.last, p.lost
			p.lost = 0
			s.live.mu.Unlock()
			if lost > 0 {
				err = put(w, "happened", client.Event{Time: time.Now(), Kind: client.KindWatch, Event: "lost", Lost: lost})
			}
			if err == nil && doc != nil {
				err = put(w, "look", json.RawMessage(doc))
			}
		case e := <-p.events:
			err = put(w, "happened", e)
		}
		_ = c.SetWriteDeadline(time.Now().Add(10 * time.Second)) // a page that does not read is gone
		if errors.Join(err, c.Flush()) != nil {
			return
		}
	}
}

func put(w http.ResponseWriter, event string, doc any) error {
	data, err := json.Marshal(doc)
	if err != nil {
		panic("BUG: an event cannot be written as JSON: " + err.Error())
	}
	_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, data)
	return err
}
