package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

// why explains the way to a peer: GET /v1/why?peer=PEER.
func (s *Server) why(r *http.Request) (any, error) {
	peer, err := s.resolve(r.URL.Query().Get("peer"))
	if err != nil {
		return nil, err
	}
	doc := client.Why{Schema: client.SchemaWhy, SID: peer.String(), Name: s.nameOf(peer), Since: -1, Candidates: []client.Candidate{}}
	doc.Change.Ago = -1
	if peer == s.Host.Self() {
		doc.Via, doc.ViaName, doc.Since = doc.SID, doc.Name, 0
		return doc, nil
	}
	e, err := s.Host.Explain(peer)
	if err != nil && !errors.Is(err, overlay.ErrNoRoute) {
		return nil, err
	}
	if err == nil {
		doc.Since = client.Round(e.Now.Sub(e.Since).Seconds(), 1)
		doc.Change = s.change(&e)
	}
	if hop := e.Hop; !hop.SID.IsZero() {
		doc.Via, doc.ViaName, doc.Link, doc.Hops, doc.Distance = hop.SID.String(), s.nameOf(hop.SID), hop.Iface, hop.Hops, hop.Distance
		doc.Addr = hop.Path.Addr.String()
	}
	if doc.Via != doc.SID {
		doc.NoDirect = s.natWhy(peer)
	}
	doc.Own = s.ownWay(&e)
	for _, c := range e.Candidates {
		doc.Candidates = append(doc.Candidates, s.candidates(&e, c)...)
	}
	ownFirst(&doc)
	for _, src := range e.Sources {
		if src.Proven || slices.ContainsFunc(doc.Candidates, func(c client.Candidate) bool { return c.Addr == src.Addr.String() }) {
			continue
		}
		doc.Candidates = append(doc.Candidates, client.Candidate{
			Via: doc.SID, ViaName: doc.Name, State: "unanswered", Link: e.Links[src.Iface], Addr: src.Addr.String(),
			Reason: fmt.Sprintf("heard there %d times, the last %s ago; nothing more came of it", src.Beacons, e.Now.Sub(src.Last).Round(time.Second)),
		})
	}
	return doc, nil
}

// verdicts in words.
var verdicts = map[overlay.Verdict]string{
	overlay.Alternate:     "ready: taken at once when the one in use does not answer",
	overlay.Dearer:        "costs more",
	overlay.LeadsBack:     "its own way there leads over this node",
	overlay.CarriesNobody: "does not carry the traffic of others",
	overlay.Doubted:       "does not answer just now",
}

// candidates are the paths of one neighbour that leads there.
func (s *Server) candidates(e *host.Reasoning, c overlay.Candidate) (list []client.Candidate) {
	for _, w := range c.Paths {
		one := client.Candidate{
			Via: c.SID.String(), ViaName: s.nameOf(c.SID), State: string(c.Verdict), Link: w.Iface, Kind: w.Kind.String(), Addr: w.Path.Addr.String(),
			Cost: w.Cost, RTT: ms(w.RTT), Loss: client.Round(w.Loss, 3),
		}
		measured := "not measured yet"
		if w.RTT > 0 {
			measured = fmt.Sprintf("RTT %.1f ms, loss %.0f %%", ms(w.RTT), 100*w.Loss)
		}
		switch {
		case !w.Active:
			one.State, one.Reason = "spare", "another path to "+one.ViaName+": "+measured
			if w.Misses > 0 {
				one.Reason = fmt.Sprintf("another path to %s, which does not answer (%d times)", one.ViaName, w.Misses)
			}
		case c.Verdict == overlay.InUse:
			one.Distance, one.Reason = c.Distance, measured
		default:
			one.Distance, one.Reason = c.Distance, verdicts[c.Verdict]+"; "+measured
		}
		list = append(list, one)
	}
	return list
}

// reasons in words.
var reasons = map[string]string{
	string(overlay.ReasonFound):    "it was found",
	string(overlay.ReasonNewLink):  "a nearer neighbour came up",
	string(overlay.ReasonCheaper):  "this way costs less",
	string(overlay.ReasonDearer):   "the way before became dearer, or was cut farther on",
	string(overlay.ReasonNoAnswer): "the next hop before did not answer any more",
	string(overlay.ReasonNoPath):   "the interface, or the last path, to the next hop before is gone",
	string(overlay.ReasonLeft):     "the next hop before was stopped, and said so",
	string(overlay.ReasonLost):     "a link farther on was lost, and there is no other way",
}

// switches are the same for the path to a neighbour.
var switches = map[string]string{
	"no-answer": "it did not answer there any more",
	"better":    "this one is better",
	"path-gone": "the interface it used is gone",
}

// change is the latest change of the way, or of the path to its next hop.
func (s *Server) change(e *host.Reasoning) client.Change {
	c := client.Change{Ago: -1, Reason: string(e.Change.Reason)}
	if !e.Change.At.IsZero() {
		c.Ago = client.Round(e.Now.Sub(e.Change.At).Seconds(), 1)
	}
	from := "no way"
	if !e.Change.From.IsZero() {
		c.From, from = e.Change.From.String(), s.towards(e.Change.From, e.Dst)
	}
	to, iface := e.Hop.SID, e.Hop.Iface
	routed := len(e.Candidates) > 0 && e.Candidates[0].Verdict == overlay.InUse
	if routed && e.Candidates[0].SID != to { // what this node sends goes a way of its own; it is the route that changed
		to, iface = e.Candidates[0].SID, ""
		for _, w := range e.Candidates[0].Paths {
			if w.Active {
				iface = w.Iface
			}
		}
	}
	why := reasons[c.Reason]
	if e.Left || e.Change.From == e.Dst {
		why = strings.Replace(why, "the next hop before", "it", 1)
	}
	c.Text = fmt.Sprintf("%s → %s: %s", from, s.towards(to, e.Dst), why)
	if !routed {
		return c
	}
	sw := e.Candidates[0].Switch
	if sw.At.IsZero() || sw.At.Before(e.Change.At) {
		return c
	}
	c.Ago, c.From, c.Reason = client.Round(e.Now.Sub(sw.At).Seconds(), 1), sw.From.Addr.String(), sw.Reason
	name := e.Links[sw.From.Iface]
	if name == "" {
		name = "an interface that is gone"
	}
	c.Text = fmt.Sprintf("%s (%s) → %s: %s", name, sw.From.Addr, iface, switches[sw.Reason])
	return c
}

// towards names a next hop.
func (s *Server) towards(via, dst sid.SID) string {
	switch via {
	case sid.SID{}:
		return "no way"
	case dst:
		return "direct"
	}
	return "via " + s.nameOf(via)
}

// maxRounds bounds an mtr.
const maxRounds = 100_000

// mtr traces a peer for many rounds: GET /v1/mtr?peer=PEER&rounds=N&interval_ms=N.
func (s *Server) mtr(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	rounds, err := strconv.Atoi(q.Get("rounds"))
	every, err2 := strconv.ParseInt(q.Get("interval_ms"), 10, 64)
	interval := time.Duration(every) * time.Millisecond
	if err != nil || err2 != nil || rounds < 1 || rounds > maxRounds || interval < minInterval || interval > time.Hour {
		fail(w, errorf(client.Usage, "mtr needs 1 to %d rounds and an interval of 10 ms to 1 h.", maxRounds))
		return
	}
	peer, err := s.resolve(q.Get("peer"))
	if err != nil {
		fail(w, err)
		return
	}
	var out *lines
	last := client.MTR{Schema: client.SchemaMTR, Event: "round", SID: peer.String(), Name: s.nameOf(peer), Hops: []client.MTRHop{}}
	err = s.Host.MTR(r.Context(), peer, rounds, interval, func(round int, hops []host.MTRHop) {
		if out == nil {
			l := newLines(w)
			out = &l
		}
		last.Round, last.Hops = round, []client.MTRHop{}
		for _, h := range hops {
			last.Hops = append(last.Hops, s.mtrHop(&h))
		}
		last.Worst = worst(last.Hops)
		out.put(last)
	})
	if out == nil {
		if err == nil {
			err = overlay.ErrNoRoute
		}
		fail(w, s.netError(peer, err))
		return
	}
	last.Event = "summary"
	out.put(last)
	out.end(nil)
}

func (s *Server) mtrHop(h *host.MTRHop) client.MTRHop {
	doc := client.MTRHop{
		SID: h.SID.String(), Name: s.nameOf(h.SID), Link: h.Link, Kind: h.Kind, Forward: client.Round(h.Loss, 3), Back: client.Round(h.Back, 3),
		Sent: h.Sent, Received: h.Received, Best: ms(h.Best), Worst: ms(h.Worst),
	}
	if h.Received > 0 {
		doc.Avg = ms(h.Total / time.Duration(h.Received))
	}
	return doc
}

// worst is the number of the hop whose link loses most in one direction, 0 when none loses a hundredth.
func worst(hops []client.MTRHop) (at int) {
	most := 0.01
	for i, h := range hops {
		if loss := max(h.Forward, h.Back); loss >= most {
			at, most = i+1, loss
		}
	}
	return at
}
