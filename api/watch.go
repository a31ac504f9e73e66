package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/share"
	"github.com/caracal-mesh/caracal/sid"
)

const (
	// progressEvery is how often a watcher is told of the progress of one transfer.
	progressEvery = time.Second
	// tellAfter is how long news are held, and the least time between two looks for a name: a neighbour
	// that has come tells its name a moment later.
	tellAfter = 200 * time.Millisecond
	// maxNames bounds the names remembered, also of those that have left.
	maxNames = 4096
)

// watch answers a line for each event, until the caller leaves.
func (s *Server) watch(w http.ResponseWriter, r *http.Request) {
	kinds := r.URL.Query()["kind"]
	for _, k := range kinds {
		if !slices.Contains(client.Kinds, k) {
			fail(w, errorf(client.Usage, "there is no kind of event \"%s\". Which there are: %s", client.Printable(k), strings.Join(client.Kinds, ", ")))
			return
		}
	}
	if len(kinds) == 0 {
		kinds = client.Kinds
	}
	var one *watcher
	if s.Feed != nil {
		one = s.Feed.watch(kinds)
	}
	if one == nil {
		fail(w, errorf(client.Failed, "%d programs watch this node already. End one of them.", maxWatchers))
		return
	}
	defer s.Feed.leave(one)
	out := newLines(w)
	t := newTeller(s)
	out.put(client.Event{Schema: client.SchemaWatch, Time: time.Now(), Kind: client.KindWatch, Event: "start"})
	var list []happening
	var arrives <-chan time.Time
	if slices.Contains(kinds, client.KindTransfer) {
		every := time.NewTicker(progressEvery)
		defer every.Stop()
		arrives = every.C
	}
	for {
		select {
		case <-r.Context().Done():
			return // not the end of the events: no word that all was told
		case <-arrives:
			t.arriving(out.put)
		case <-one.woken:
			sleep(r.Context(), tellAfter)
		}
		var lost uint64
		list, lost = one.take(list)
		for i := range list {
			if e, ok := t.event(&list[i]); ok {
				out.put(e)
			}
		}
		if lost > 0 {
			out.put(client.Event{Schema: client.SchemaWatch, Time: time.Now(), Kind: client.KindWatch, Event: "lost", Lost: lost})
		}
	}
}

// A teller makes events of happenings. It remembers the routes, so that it can tell what changed.
type teller struct {
	s       *Server
	names   map[sid.SID]string
	asked   time.Time // when names were last looked up
	hops    map[sid.SID]int
	present map[sid.SID]bool
	told    map[string]time.Time // by transfer, of its progress
	links   map[uint32]string
	arrived map[string]int64 // by transfer that comes in: the bytes told last
}

func newTeller(s *Server) *teller {
	t := &teller{s: s, names: map[sid.SID]string{}, hops: map[sid.SID]int{}, present: map[sid.SID]bool{}, told: map[string]time.Time{}, links: map[uint32]string{}}
	t.look()
	for _, p := range s.Host.Status().Peers {
		if id, err := sid.Parse(p.SID); err == nil && p.Hops > 0 {
			t.hops[id], t.present[id] = p.Hops, true
		}
	}
	return t
}

// look learns how peers and interfaces are called.
func (t *teller) look() {
	st := t.s.Host.Status()
	t.asked = time.Now()
	if len(t.names) > maxNames {
		clear(t.names)
	}
	for _, p := range st.Peers {
		if id, err := sid.Parse(p.SID); err == nil {
			t.names[id] = p.Name
		}
	}
	clear(t.links)
	for _, l := range st.Links {
		t.links[l.Index] = l.Name
	}
	for id := range t.hops { // of those that are not known any more
		if _, known := t.names[id]; !known {
			delete(t.hops, id)
			delete(t.present, id)
		}
	}
}

// name is how a peer is called, "" when it has no name.
func (t *teller) name(id sid.SID) string {
	name, known := t.names[id]
	if (!known || name == "") && time.Since(t.asked) >= tellAfter {
		t.look()
		name = t.names[id]
	}
	return name
}

// link is the name of an interface.
func (t *teller) link(index uint32) string {
	if t.links[index] == "" && time.Since(t.asked) >= tellAfter {
		t.look()
	}
	return t.links[index]
}

// event is what a watcher is told; ok is false when it is not worth a line.
func (t *teller) event(h *happening) (e client.Event, ok bool) {
	e = client.Event{Schema: client.SchemaWatch, Time: h.at, Kind: h.kind}
	switch h.kind {
	case client.KindLog:
		e.Event, e.Text = h.level, h.text
		return e, true
	case client.KindTransfer:
		return t.transfer(h, e)
	case client.KindLink:
		e.Link, e.Event = h.trace.Reason, linkEvents[h.trace.Kind]
		if h.trace.Kind == trace.Note { // how far this machine gets
			e.Link, e.Event, e.Reason = "", "reach", strings.TrimPrefix(h.trace.Reason, reachNote)
		}
		return e, true
	case client.KindRoute:
		return t.route(&h.trace, e)
	}
	return t.peer(&h.trace, e)
}

// reachNote is how the notes begin that tell how far this machine gets (docs/spec/nat.md N1.10).
const reachNote = "reach-"

var linkEvents = map[trace.Kind]string{
	trace.InterfaceUp: "up", trace.InterfaceChanged: "changed", trace.InterfaceDown: "down",
}

// peer tells of a neighbour, or of a member that came or went.
func (t *teller) peer(h *trace.Event, e client.Event) (client.Event, bool) {
	who := h.Peer
	switch h.Kind {
	case trace.NeighbourUp:
		e.Event = "up"
	case trace.NeighbourSuspect:
		e.Event = "suspect"
	case trace.NeighbourDown:
		e.Event = "down"
	case trace.PathChanged:
		e.Event = "path"
	case trace.RouteChanged:
		who = h.Dst
		was, is := t.present[who], !h.Peer.IsZero()
		t.present[who] = is
		switch {
		case was == is:
			return e, false
		case is:
			e.Event, e.Hops = "appeared", h.Size
			e.Via, e.ViaName = h.Peer.String(), t.name(h.Peer)
		default:
			e.Event = "left"
		}
	}
	e.SID, e.Name, e.Reason = who.String(), t.name(who), h.Reason
	if h.Path.Addr.IsValid() {
		e.Addr, e.Link = h.Path.Addr.String(), t.link(h.Path.Iface)
	}
	return e, true
}

func (t *teller) route(h *trace.Event, e client.Event) (client.Event, bool) {
	e.SID, e.Name, e.HopsBefore = h.Dst.String(), t.name(h.Dst), t.hops[h.Dst]
	if h.Peer.IsZero() {
		e.Event = "gone"
		delete(t.hops, h.Dst)
		return e, e.HopsBefore != 0
	}
	e.Event = "changed"
	if e.HopsBefore == 0 {
		e.Event = "new"
	}
	e.Via, e.ViaName, e.Hops = h.Peer.String(), t.name(h.Peer), h.Size
	t.hops[h.Dst] = h.Size
	return e, true
}

// arriving tells how far those transfers have come that come in and have moved: nothing happens while they do.
func (t *teller) arriving(tell func(any)) {
	arrived := map[string]int64{}
	for _, x := range t.s.Exchange.Transfers() {
		if x.Direction != share.Receiving {
			continue
		}
		if arrived[x.ID] = x.Bytes; x.Bytes == t.arrived[x.ID] {
			continue
		}
		tell(client.Event{
			Schema: client.SchemaWatch, Time: time.Now(), Kind: client.KindTransfer, Event: string(share.Progress), Direction: client.Inward,
			SID: x.Peer.String(), Name: t.name(x.Peer), ID: x.ID, What: x.What, Files: x.Files, Bytes: x.Bytes, Total: x.Total, Rate: client.Round(x.Rate, 0),
		})
	}
	t.arrived = arrived
}

func (t *teller) transfer(h *happening, e client.Event) (client.Event, bool) {
	if it := &h.item; it.ID != "" {
		e.Direction, e.Event, e.SID, e.ID = client.Inward, string(it.State), it.From, it.ID
		e.What, e.Files, e.Total, e.Text = it.What, it.Files, it.Size, it.Text
	} else {
		x := &h.transfer
		e.Direction, e.Event, e.SID, e.ID = client.Outward, string(x.Kind), x.Peer.String(), x.ID
		if h.inward {
			e.Direction = client.Inward
		}
		e.What, e.Files, e.Bytes, e.Total, e.Rate, e.Text = x.What, x.Files, x.Bytes, x.Total, client.Round(x.Rate, 0), x.Text
		if h.text != "" {
			e.Event, e.Text = "failed", h.text
		}
		if x.Kind == share.Progress && h.text == "" && h.at.Sub(t.told[x.ID]) < progressEvery {
			return e, false
		}
		t.told[x.ID] = h.at
		if x.Kind == share.Finished || h.text != "" {
			delete(t.told, x.ID)
		}
	}
	if id, err := sid.Parse(e.SID); err == nil {
		e.Name = t.name(id)
	}
	return e, true
}
