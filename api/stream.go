package api

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/share"
	"github.com/caracal-mesh/caracal/sid"
)

// Bounds of a ping.
const (
	pingPatience = time.Second // at least, for each reply
	minInterval  = 10 * time.Millisecond
	maxPings     = 1 << 20
)

// ping answers a line for each ping, and a summary.
func (s *Server) ping(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	count, err := strconv.Atoi(q.Get("count"))
	every, err2 := strconv.ParseInt(q.Get("interval_ms"), 10, 64)
	interval := time.Duration(every) * time.Millisecond
	if err != nil || err2 != nil || count < 1 || count > maxPings || interval < minInterval || interval > time.Hour {
		fail(w, errorf(client.Usage, "ping needs a count of 1 to %d and an interval of 10 ms to 1 h.", maxPings))
		return
	}
	peer, err := s.resolve(q.Get("peer"))
	if err != nil {
		fail(w, err)
		return
	}
	out := newLines(w)
	p := pinger{s: s, peer: peer, name: s.nameOf(peer), sum: client.Ping{Event: "summary"}}
	out.put(p.line(client.Ping{Event: "start"}))
	for seq := 1; seq <= count; seq++ {
		begun := time.Now()
		out.put(p.line(p.once(r.Context(), seq, max(interval, pingPatience))))
		if seq == count || !sleep(r.Context(), interval-time.Since(begun)) {
			break
		}
	}
	out.put(p.line(p.summary()))
	out.end(nil)
}

// sleep waits, and reports whether ctx is still on.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// A pinger pings one peer.
type pinger struct {
	s     *Server
	peer  sid.SID
	name  string
	sum   client.Ping
	total float64
}

// line completes a line.
func (p *pinger) line(l client.Ping) client.Ping {
	l.Schema, l.SID, l.Name = client.SchemaPing, p.peer.String(), p.name
	return l
}

// once sends one echo request.
func (p *pinger) once(ctx context.Context, seq int, patience time.Duration) client.Ping {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p.sum.Sent++
	reply, err := p.s.Host.Ping(ctx, p.peer)
	if err != nil {
		why := "no reply"
		if errors.Is(err, overlay.ErrNoRoute) {
			why = "no route"
		}
		return client.Ping{Event: "lost", Seq: seq, Reason: why}
	}
	l := client.Ping{Event: "reply", Seq: seq, RTT: ms(reply.RTT), Hops: reply.Hops, Link: reply.Link}
	if !reply.Via.IsZero() {
		l.Via = reply.Via.String()
		if reply.Via != p.peer {
			l.ViaName = p.s.nameOf(reply.Via)
		}
	}
	if p.sum.Received == 0 || l.RTT < p.sum.Min {
		p.sum.Min = l.RTT
	}
	p.sum.Received++
	p.sum.Max = max(p.sum.Max, l.RTT)
	p.total += l.RTT
	return l
}

func (p *pinger) summary() client.Ping {
	if p.sum.Received > 0 {
		p.sum.Avg = client.Round(p.total/float64(p.sum.Received), 3)
	}
	if p.sum.Sent > 0 {
		p.sum.Loss = client.Round(1-float64(p.sum.Received)/float64(p.sum.Sent), 3)
	}
	return p.sum
}

// send sends files, answering a line for each event. When the caller leaves, the transfer
// stops.
func (s *Server) send(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Paths []string
		Peer  string
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	if err := body(r, &ask); err != nil {
		fail(w, err)
		return
	}
	peer, err := s.mayTake(ask.Peer, ask.Paths)
	if err != nil {
		fail(w, err)
		return
	}
	out := newLines(w)
	var last share.Event
	err = s.Exchange.Send(r.Context(), peer, ask.Paths, func(e share.Event) {
		last = e
		s.Feed.sent(e, "")
		out.put(s.transfer(e))
	})
	if err != nil {
		err = s.sendError(peer, last.What, last.Total, err)
		s.Feed.sent(last, explain(err).Text)
	}
	out.end(err)
}

// mayTake judges a request to send.
func (s *Server) mayTake(text string, paths []string) (sid.SID, error) {
	peer, err := s.resolve(text)
	if err != nil {
		return peer, err
	}
	if peer == s.Host.Self() {
		return peer, errorf(client.Usage, "that is this node itself: it has the files already. Who else is around: caracal peers")
	}
	if len(paths) == 0 {
		return peer, errorf(client.Usage, "nothing to send.")
	}
	for _, p := range paths {
		if !filepath.IsAbs(p) {
			return peer, errorf(client.Usage, "the node needs absolute paths, not %s.", client.Printable(p))
		}
	}
	return peer, nil
}
