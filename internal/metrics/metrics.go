// Package metrics tells Prometheus about a node: what the status of the node says, in the names and units that
// Prometheus has for it. Nothing is measured here, and nothing kept between two looks.
package metrics

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
)

const (
	maxScrapes = 4                // at once
	patience   = 10 * time.Second // with the node
	maxPeers   = 256              // neighbours with series of their own
)

// A Node is what is asked.
type Node interface {
	Status(ctx context.Context) (client.Status, error)
	Streams(ctx context.Context, peer string) (client.Streams, error)
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("caracal_"+name, help, labels, nil)
}

// What is told. The names are a contract: dashboards stand on them.
var (
	up         = describe("up", "Whether the node answers.")
	info       = describe("info", "Always 1; the labels tell which node this is.", "sid", "name", "version", "network")
	started    = describe("start_time_seconds", "When the node was started, in seconds since 1970.")
	peers      = describe("peers", "Members of the mesh, by whether and how they are reached: direct, mesh, unreachable.", "state")
	hopsMost   = describe("peer_hops_max", "The most hops to a member that is reached.")
	peerRTT    = describe("neighbour_rtt_seconds", "Smoothed round trip time to a neighbour.", "sid", "name", "link")
	peerLoss   = describe("neighbour_loss_ratio", "Share of our packets lost on the way to a neighbour, before hop retransmission.", "sid", "name", "link")
	sessions   = describe("sessions", "End-to-end sessions, by their keys: classic, post-quantum, none yet.", "keys")
	linkUp     = describe("link_up", "Always 1 for an interface in use.", "link", "kind")
	neighbours = describe("link_neighbours", "Neighbours reached over an interface.", "link")
	beacons    = describe("beacons_total", "Beacons sent and heard.", "link", "dir")
	packets    = describe("link_packets_total", "Packets sent and received.", "link", "dir")
	bytes      = describe("link_bytes_total", "Bytes sent and received, as UDP payload.", "link", "dir")
	streams    = describe("streams", "Streams open, by the state of the way to the peer.", "state")
	memory     = describe("stream_memory_bytes", "Memory held for streams.")
	assocs     = describe("associations", "Peers with whom streams are or were open.")
	transfers  = describe("transfers", "Transfers of files under way.", "dir")
	waiting    = describe("inbox_waiting", "Offers of files that wait for a person.")
	events     = describe("events_total", "What was counted in the floors of the node, by floor and name.", "floor", "event")
)

// gauges are counters of a status that go down too: they are told by names of their own.
var gauges = map[string]bool{"msp associations": true, "msp streams": true, "msp memory": true}

// A collector looks at a node when it is asked.
type collector struct{ node Node }

// Registry is what can be told of a node.
func Registry(node Node) *prometheus.Registry {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(collector{node})
	return r
}

// Handler answers Prometheus. Nothing but the path /metrics is served.
func Handler(node Node) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(Registry(node), promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes, Timeout: 2 * patience}))
	return mux
}

// Describe tells which metrics there can be.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		up, info, started, peers, hopsMost, peerRTT, peerLoss, sessions, linkUp, neighbours, beacons, packets, bytes,
		streams, memory, assocs, transfers, waiting, events,
	} {
		to <- d
	}
}

// Collect looks at the node. One that does not answer is told by caracal_up 0, and nothing else.
func (c collector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	o := out{to}
	st, err := c.node.Status(ctx)
	if err != nil {
		o.gauge(up, 0)
		return
	}
	o.gauge(up, 1)
	o.gauge(info, 1, st.Self.SID, clean(st.Self.Name), st.Self.Version, st.Self.Network)
	o.gauge(started, float64(st.Time.Add(-time.Duration(st.Self.Uptime*float64(time.Second))).Unix()))
	o.peers(st.Peers)
	o.sessions(st.Sessions)
	o.links(st.Links)
	o.gauge(transfers, float64(len(st.Transfers)), "out")
	o.gauge(transfers, float64(len(st.Receiving)), "in")
	o.gauge(waiting, float64(st.Waiting))
	if list, err := c.node.Streams(ctx, ""); err == nil {
		o.streams(list.Streams)
	}
	o.counters(st.Counters)
}

// clean is a name from the network as a label: printable, and so UTF-8, which Prometheus wants.
func clean(name string) string { return client.Printable(name) }

type out struct{ to chan<- prometheus.Metric }

func (o out) gauge(d *prometheus.Desc, v float64, labels ...string) {
	o.to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (o out) counter(d *prometheus.Desc, v uint64, labels ...string) {
	o.to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func (o out) peers(list []host.PeerStatus) {
	count := map[string]int{host.Direct: 0, host.Mesh: 0, host.Unreachable: 0}
	most := 0
	for _, p := range list {
		count[p.State]++
		most = max(most, p.Hops)
		if p.State != host.Direct || count[p.State] > maxPeers {
			continue
		}
		labels := []string{p.SID, clean(p.Name), clean(p.Link)}
		o.gauge(peerLoss, p.Loss, labels...)
		if p.RTT > 0 {
			o.gauge(peerRTT, p.RTT/1000, labels...)
		}
	}
	for state, n := range count {
		o.gauge(peers, float64(n), state)
	}
	o.gauge(hopsMost, float64(most))
}

func (o out) sessions(list []host.SessionStatus) {
	count := map[string]int{host.Classic: 0, host.PostQuantum: 0, "none": 0}
	for _, s := range list {
		keys := s.Keys
		if keys == "" {
			keys = "none"
		}
		count[keys]++
	}
	for keys, n := range count {
		o.gauge(sessions, float64(n), keys)
	}
}

// links tells of each interface; of two that have the same name, of the first.
func (o out) links(list []host.LinkStatus) {
	told := map[string]bool{}
	for _, l := range list {
		name := clean(l.Name)
		if told[name] {
			continue
		}
		told[name] = true
		o.gauge(linkUp, 1, name, l.Kind)
		o.gauge(neighbours, float64(l.Heard), name)
		o.counter(beacons, l.TxBeacons, name, "tx")
		o.counter(beacons, l.RxBeacons, name, "rx")
		o.counter(packets, l.TxPackets, name, "tx")
		o.counter(packets, l.RxPackets, name, "rx")
		o.counter(bytes, l.TxBytes, name, "tx")
		o.counter(bytes, l.RxBytes, name, "rx")
	}
}

func (o out) streams(list []client.Stream) {
	count := map[string]int{"waiting": 0, "up": 0, "stalled": 0, "down": 0}
	for _, s := range list {
		count[s.Link]++
	}
	for state, n := range count {
		o.gauge(streams, float64(n), state)
	}
}

func (o out) counters(floors map[string]map[string]uint64) {
	for floor, list := range floors {
		for name, n := range list {
			if !gauges[floor+" "+name] {
				o.counter(events, n, floor, name)
			}
		}
	}
	o.gauge(memory, float64(floors["msp"]["memory"]))
	o.gauge(assocs, float64(floors["msp"]["associations"]))
}
