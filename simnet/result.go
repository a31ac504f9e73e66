package simnet

import (
	"math"
	"slices"
	"strings"
	"time"
)

// Schema names the form of a Result in JSON.
const Schema = "caracal.sim/1"

// A Result is what a run of a scenario measured. What could not be measured is
// nil (null in JSON).
type Result struct {
	Schema         string      `json:"schema"`
	Name           string      `json:"name"`
	Seed           uint64      `json:"seed"`
	Nodes          int         `json:"nodes"`
	Links          int         `json:"links"`
	Duration       float64     `json:"duration_s"`        // virtual
	RoutesComplete *float64    `json:"routes_complete_s"` // since the start
	Heals          []Heal      `json:"heals"`
	Datagrams      Delivery    `json:"datagrams"`
	Pings          Delivery    `json:"pings"`
	Streams        StreamTotal `json:"streams"`
	Packets        PacketTotal `json:"packets"`
	Digest         string      `json:"digest"` // of the whole history, hex
	Expect         []Finding   `json:"expect"`
	Failed         bool        `json:"failed"` // an expectation was not met
	Voice          Delivery    `json:"voice"`  // delivered = in time
	Requests       Delivery    `json:"requests"`
	NotCaptured    uint64      `json:"not_captured,omitempty"`        // packets beyond the bound of a capture
	NodeBytes      float64     `json:"node_bytes_per_s"`              // sent, on average
	SettledBytes   *float64    `json:"settled_bytes_per_s,omitempty"` // the same, headers included, since it has settled
	Outage         *float64    `json:"outage_s,omitempty"`            // the longest of all flows of datagrams
	Direct         *float64    `json:"direct,omitempty"`              // share of the pairs that talked which do so directly at the end, where there are NATs
	DirectAfter    *float64    `json:"direct_after_s,omitempty"`      // the longest of all pairs; nil: one never did
}

// A Heal is how long after something happened all routes were there (again).
type Heal struct {
	At    float64  `json:"at_s"`
	What  string   `json:"what"`
	After *float64 `json:"after_s"` // nil: not before the next thing happened or the end
}

// A Delivery counts datagrams, or pings with their answers.
type Delivery struct {
	Sent       uint64   `json:"sent"`
	Delivered  uint64   `json:"delivered"` // each once
	Duplicates uint64   `json:"duplicates"`
	P50        *float64 `json:"p50_ms"` // time on the way: one way for datagrams, there and back for pings
	P95        *float64 `json:"p95_ms"`
	Late       uint64   `json:"late,omitempty"`  // voice that came after 200 ms
	Apart      uint64   `json:"apart,omitempty"` // datagrams sent while no links joined the two ends; counted where joined_delivery is expected

	times     []time.Duration
	apartCame uint64 // of those apart, delivered
}

// A StreamTotal sums up the streams.
type StreamTotal struct {
	Total    int      `json:"total"`
	Finished int      `json:"finished"` // all bytes arrived, in order and right
	Bytes    uint64   `json:"bytes"`    // that arrived
	Goodput  *float64 `json:"goodput_bps"`
	Errors   []string `json:"errors"` // why streams did not finish, at most ten
}

// A PacketTotal sums up what crossed the links.
type PacketTotal struct {
	Sent      uint64 `json:"sent"`
	SentBytes uint64 `json:"sent_bytes"`
	Delivered uint64 `json:"delivered"`
	Swallowed uint64 `json:"swallowed,omitempty"` // end-to-end packets, by nodes that should carry them for others (roles blackhole, greyhole)
	Dropped   []Drop `json:"dropped"`
}

// A Drop counts the packets dropped for one reason.
type Drop struct {
	Reason string `json:"reason"`
	Count  uint64 `json:"count"`
}

// A Finding is one expectation and what came of it.
type Finding struct {
	Metric string   `json:"metric"`
	Want   string   `json:"want"`
	Got    *float64 `json:"got"` // a share from 0 to 1, or in Unit
	OK     bool     `json:"ok"`

	Share bool   `json:"share"` // Got is a share
	Unit  string `json:"unit"`  // of Got: share, s, bit/s, B/s
}

// doubled is the part that came more than once.
func (d *Delivery) doubled() *float64 {
	if d.Delivered == 0 {
		return nil
	}
	s := float64(d.Duplicates) / float64(d.Delivered)
	return &s
}

// share is the part that was delivered.
func (d *Delivery) share() *float64 {
	if d.Sent == 0 {
		return nil
	}
	s := float64(d.Delivered) / float64(d.Sent)
	return &s
}

// finish works out the percentiles.
func (d *Delivery) finish() {
	slices.Sort(d.times)
	d.P50, d.P95 = percentile(d.times, 50), percentile(d.times, 95)
}

// percentile is the p-th percentile of sorted times, in milliseconds.
func percentile(sorted []time.Duration, p int) *float64 {
	if len(sorted) == 0 {
		return nil
	}
	ms := float64(sorted[(len(sorted)-1)*p/100].Microseconds()) / 1e3
	return &ms
}

func (t *StreamTotal) share() *float64 {
	if t.Total == 0 {
		return nil
	}
	s := float64(t.Finished) / float64(t.Total)
	return &s
}

// WorstHeal is the longest healing in seconds, nil when there was none or one did not end.
func (r *Result) WorstHeal() (worst *float64) {
	for i := range r.Heals {
		h := &r.Heals[i]
		if h.After == nil {
			return nil
		}
		if worst == nil || *h.After > *worst {
			worst = h.After
		}
	}
	return worst
}

// Reunion is the longest healing after something came back, nil when there was none or one did not end,
// in seconds.
func (r *Result) Reunion() (worst *float64) {
	for i := range r.Heals {
		h := &r.Heals[i]
		if !slices.Contains([]string{"heal", "up", "plug", "start", "resume"}, strings.Fields(h.What)[0]) {
			continue
		}
		if h.After == nil {
			return nil
		}
		if worst == nil || *h.After > *worst {
			worst = h.After
		}
	}
	return worst
}

// count fills in what the links counted.
func (r *Result) count(w *World) {
	var sum Counters
	for _, l := range w.links {
		sum.Add(l.Counters())
	}
	if seconds := w.Elapsed().Seconds(); len(w.hosts) > 0 && seconds > 0 {
		r.NodeBytes = math.Round(float64(sum.SentBytes)/float64(len(w.hosts))/seconds*10) / 10
	}
	r.Packets = PacketTotal{Sent: sum.Sent, SentBytes: sum.SentBytes, Delivered: sum.Delivered, Swallowed: w.swallowed, Dropped: []Drop{}}
	for why, n := range sum.Dropped {
		if n > 0 {
			r.Packets.Dropped = append(r.Packets.Dropped, Drop{Reason(why).String(), n})
		}
	}
}
