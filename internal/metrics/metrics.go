// Package metrics tells Prometheus about a node: what the status of the node says, in the names and units that
// Prometheus has for it. Nothing is measured here, and nothing kept between two looks.
package metrics

import (
	"context"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
)

const (
	patience = 10 * time.Second // with the node
	maxPeers = 256              // neighbours with series of their own
)

// A Node is what is asked.
type Node interface {
	Status(ctx context.Context) (client.Status, error)
	Streams(ctx context.Context, peer string) (client.Streams, error)
}

// What is told. The names are a contract: dashboards stand on them.
var (
	up         = gauge("up", "Whether the node answers.")
	info       = gauge("info", "Always 1; the labels tell which node this is.", "sid", "name", "version", "network")
	started    = gauge("start_time_seconds", "When the node was started, in seconds since 1970.")
	peers      = gauge("peers", "Members of the mesh, by whether and how they are reached: direct, mesh, unreachable.", "state")
	hopsMost   = gauge("peer_hops_max", "The most hops to a member that is reached.")
	peerRTT    = gauge("neighbour_rtt_seconds", "Smoothed round trip time to a neighbour.", "sid", "name", "link")
	peerLoss   = gauge("neighbour_loss_ratio", "Share of our packets lost on the way to a neighbour, before hop retransmission.", "sid", "name", "link")
	sessions   = gauge("sessions", "End-to-end sessions, by their keys: classic, post-quantum, none yet.", "keys")
	linkUp     = gauge("link_up", "Always 1 for an interface in use.", "link", "kind")
	neighbours = gauge("link_neighbours", "Neighbours reached over an interface.", "link")
	beacons    = counter("beacons_total", "Beacons sent and heard.", "link", "dir")
	packets    = counter("link_packets_total", "Packets sent and received.", "link", "dir")
	bytes      = counter("link_bytes_total", "Bytes sent and received, as UDP payload.", "link", "dir")
	streams    = gauge("streams", "Streams open, by the state of the way to the peer.", "state")
	memory     = gauge("stream_memory_bytes", "Memory held for streams.")
	assocs     = gauge("associations", "Peers with whom streams are or were open.")
	transfers  = gauge("transfers", "Transfers of files under way.", "dir")
	waiting    = gauge("inbox_waiting", "Offers of files that wait for a person.")
	events     = counter("events_total", "What was counted in the floors of the node, by floor and name.", "floor", "event")
)

// gauges are counters of a status that go down too: they are told by names of their own.
var gauges = map[string]bool{"msp associations": true, "msp streams": true, "msp memory": true}

// Gather looks at a node and tells what there is, by name. Of one that does not answer it is caracal_up 0, and nothing else.
func Gather(ctx context.Context, node Node) []*Family {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	o := out{}
	st, err := node.Status(ctx)
	if err != nil {
		o.tell(up, 0)
		return o.families()
	}
	o.tell(up, 1)
	o.tell(info, 1, st.Self.SID, clean(st.Self.Name), st.Self.Version, st.Self.Network)
	o.tell(started, float64(st.Time.Add(-time.Duration(st.Self.Uptime*float64(time.Second))).Unix()))
	o.peers(st.Peers)
	o.sessions(st.Sessions)
	o.links(st.Links)
	o.tell(transfers, float64(len(st.Transfers)), "out")
	o.tell(transfers, float64(len(st.Receiving)), "in")
	o.tell(waiting, float64(st.Waiting))
	if list, err := node.Streams(ctx, ""); err == nil {
		o.streams(list.Streams)
	}
	o.counters(st.Counters)
	return o.families()
}

// clean is a name from the network as a label: printable, and so UTF-8, which Prometheus wants.
func clean(name string) string { return client.Printable(name) }

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
		o.tell(peerLoss, p.Loss, labels...)
		if p.RTT > 0 {
			o.tell(peerRTT, p.RTT/1000, labels...)
		}
	}
	for state, n := range count {
		o.tell(peers, float64(n), state)
	}
	o.tell(hopsMost, float64(most))
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
		o.tell(sessions, float64(n), keys)
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
		o.tell(linkUp, 1, name, l.Kind)
		o.tell(neighbours, float64(l.Heard), name)
		o.tell(beacons, float64(l.TxBeacons), name, "tx")
		o.tell(beacons, float64(l.RxBeacons), name, "rx")
		o.tell(packets, float64(l.TxPackets), name, "tx")
		o.tell(packets, float64(l.RxPackets), name, "rx")
		o.tell(bytes, float64(l.TxBytes), name, "tx")
		o.tell(bytes, float64(l.RxBytes), name, "rx")
	}
}

func (o out) streams(list []client.Stream) {
	count := map[string]int{"waiting": 0, "up": 0, "stalled": 0, "down": 0}
	for _, s := range list {
		count[s.Link]++
	}
	for state, n := range count {
		o.tell(streams, float64(n), state)
	}
}

func (o out) counters(floors map[string]map[string]uint64) {
	for floor, list := range floors {
		for name, n := range list {
			if !gauges[floor+" "+name] {
				o.tell(events, float64(n), floor, name)
			}
		}
	}
	o.tell(memory, float64(floors["msp"]["memory"]))
	o.tell(assocs, float64(floors["msp"]["associations"]))
}
