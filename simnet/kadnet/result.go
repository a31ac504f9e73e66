package kadnet

import (
	"fmt"
	"slices"
	"time"
)

// A Result is what was measured in a world, of its honest nodes.
type Result struct {
	Nodes   int           `json:"nodes"`
	Lookups int           `json:"lookups"`
	Success float64       `json:"success"` // share of lookups that found the newest record
	Stale   float64       `json:"stale"`   // that found an old one
	P50     time.Duration `json:"p50"`
	P95     time.Duration `json:"p95"`
	P99     time.Duration `json:"p99"`
	Asked   float64       `json:"asked"`          // questions of a lookup
	Bytes   float64       `json:"bytesPerSecond"` // sent by a node, headers and handshakes included
	Packets float64       `json:"packetsPerSecond"`
	Entries float64       `json:"entries"` // of a table
	Liars   float64       `json:"liars"`   // share of its entries that lie
	Dead    float64       `json:"dead"`    // and that are dead
	Records float64       `json:"records"` // kept by a node
	RTT     time.Duration `json:"-"`
}

func (w *World) result() Result {
	t := &w.tally
	slices.Sort(t.took)
	r := Result{Nodes: w.cfg.Nodes, Lookups: t.looks, RTT: w.cfg.RTT}
	if t.looks > 0 {
		r.Success, r.Stale = float64(t.found)/float64(t.looks), float64(t.stale)/float64(t.looks)
		r.P50, r.P95, r.P99 = t.took[t.looks/2], t.took[t.looks*95/100], t.took[t.looks*99/100]
		r.Asked = float64(t.asked) / float64(t.looks)
	}
	r.Bytes, r.Packets = float64(t.bytes)/t.nodeSeconds, float64(t.packets)/t.nodeSeconds
	entries, liars, dead := 0, 0, 0
	for _, h := range w.living {
		r.Records += float64(h.node.Records()) / float64(len(w.living))
		for p := range h.node.EachEntry {
			entries++
			switch x := w.byAddr[p.Addr]; {
			case x == nil:
				dead++
			case x.liar != nil:
				liars++
			}
		}
	}
	r.Entries = float64(entries) / float64(len(w.living))
	r.Liars, r.Dead = float64(liars)/float64(entries), float64(dead)/float64(entries)
	return r
}

// String is the result as a line.
func (r Result) String() string {
	return fmt.Sprintf("%7d nodes: %d lookups, %.2f %% found, %.2f %% stale, p50 %d ms, p95 %d ms, p99 %d ms, %.1f questions; "+
		"%.0f B/s, %.2f packets/s; %.0f entries, %.1f %% liars, %.1f %% dead; %.1f records",
		r.Nodes, r.Lookups, 100*r.Success, 100*r.Stale, r.P50.Milliseconds(), r.P95.Milliseconds(), r.P99.Milliseconds(), r.Asked,
		r.Bytes, r.Packets, r.Entries, 100*r.Liars, 100*r.Dead, r.Records)
}
