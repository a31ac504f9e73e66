package simnet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
)

// A household is some nodes behind a stranger's router with a slow line to the Internet, and a node there.
type household struct {
	*World
	inside []*Host
	far    *Host
	tcp    *tcpSink // beside them; nil = none
	flows  []*reply
}

const (
	lineRate = 5_000_000 // bit/s
	lineRTT  = 40 * time.Millisecond
)

// newHousehold has a line whose queue holds so many products of rate and round trip.
func newHousehold(t *testing.T, seed uint64, products float64, tcp bool, nodes ...msp.Congestion) *household {
	t.Helper()
	w := &household{World: New(seed)}
	w.far = w.AddNode("far")
	net := w.Internet("net", LinkConfig{Latency: lineRTT / 2}, 3, w.far)
	for i, name := range Names("n", len(nodes)) {
		w.inside = append(w.inside, w.AddNode(name, func(c *node.Config) { c.Congestion = nodes[i] }))
	}
	lan := w.LAN("lan", LinkConfig{Latency: 100 * time.Microsecond, Rate: 100e6, Queue: 1 << 20}, w.inside...)
	router := w.NAT("router", lan, net, NATConfig{})
	if tcp {
		w.tcp = w.addTCP(lan, net)
	}
	net.SetFrom(router.host, LinkConfig{
		Latency: lineRTT / 2, Jitter: time.Millisecond,
		Rate: lineRate, Queue: int(products * lineRate / 8 * lineRTT.Seconds()),
	})
	for _, h := range w.inside {
		h.Do(func(now time.Time, n *node.Node) { n.AddPeer(now, net.Beyond(w.far)) })
	}
	if !w.RunUntil(func() bool {
		for _, h := range w.inside {
			if !reaches(h, w.far) || !reaches(w.far, h) {
				return false
			}
		}
		return true
	}, time.Minute) {
		t.Fatal("no routes")
	}
	for i, h := range w.inside {
		w.flows = append(w.flows, pour(t, h, w.far, uint32(100+i), 0))
	}
	return w
}

// got is how many bytes each flow has carried, the tcp last.
func (w *household) got() (bytes []int) {
	for _, f := range w.flows {
		bytes = append(bytes, f.got)
	}
	if w.tcp != nil {
		bytes = append(bytes, w.tcp.got)
	}
	return bytes
}

// carry returns what each flow carries in bit/s.
func (w *household) carry(d time.Duration) (rates []float64) {
	before := w.got()
	w.Run(d)
	for i, n := range w.got() {
		rates = append(rates, float64(n-before[i])*8/d.Seconds())
	}
	return rates
}

// A sharing is two flows at one queue.
type sharing struct {
	products float64
	nodes    []msp.Congestion
	tcp      bool
	long     bool
}

func (c sharing) String() string {
	names := []string{"ours", "CUBIC", "model"}
	who := names[c.nodes[0]]
	if c.tcp {
		return fmt.Sprintf("queue of %g products, %s and TCP", c.products, who)
	}
	return fmt.Sprintf("queue of %g products, %s and %s", c.products, who, names[c.nodes[1]])
}

// The sharing experiment of SIGCOMM 2007 at a stranger's router: two associations get the same, and what has nothing to do
// with us is not starved, nor starves us: a TCP with CUBIC; our own CUBIC beside our model. Spec O6.9, M9.6.
func TestSharingABottleneck(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	fmt.Fprintf(&b, "two flows at a line of %d Mbit/s, %v; what each carries in Mbit/s, share of the first\n", lineRate/1_000_000, lineRTT)
	two := []msp.Congestion{msp.CongestionAuto, msp.CongestionAuto}
	for _, c := range []sharing{
		{products: 0.5, nodes: two},
		{products: 1, nodes: two, long: true},
		{products: 2, nodes: two},
		{products: 4, nodes: two, long: true},
		{products: 1, nodes: []msp.Congestion{msp.CongestionModel, msp.CongestionCUBIC}},
		{products: 0.25, nodes: two[:1], tcp: true, long: true},
		{products: 0.5, nodes: two[:1], tcp: true},
		{products: 1, nodes: two[:1], tcp: true, long: true},
		{products: 2, nodes: two[:1], tcp: true},
		{products: 4, nodes: two[:1], tcp: true, long: true},
	} {
		// Half a minute is short: with 29 seeds, and whatever else moved by milliseconds, we beside TCP at half a product had 0.44 to 0.54, five
		// times up to 0.73. What counts are four minutes.
		during, bar, seeds := 30*time.Second, 0.45, []uint64{1}
		if *long {
			during, bar, seeds = 4*time.Minute, 0.48, []uint64{1, 3, 8}
		}
		if c.tcp || c.nodes[0] != c.nodes[1] {
			bar = 0.3
		}
		if c.products < 0.5 {
			bar = 0.25 // hardly longer than a round trip varies: ADR 0085
		}
		if c.long && !*long {
			continue
		}
		for _, seed := range seeds {
			w := newHousehold(t, seed, c.products, c.tcp, c.nodes...)
			w.carry(5 * time.Second)
			r := w.carry(during)
			share := r[0] / (r[0] + r[1])
			fmt.Fprintf(&b, "%v: %.2f %.2f, %.3f\n", c, r[0]/1e6, r[1]/1e6, share)
			if share < bar || share > 1-bar || r[0]+r[1] < 0.85*lineRate {
				t.Errorf("%v, seed %d: %.2f and %.2f Mbit/s, %.3f", c, seed, r[0]/1e6, r[1]/1e6, share)
			}
		}
	}
	if !*long {
		golden(t, "sharing.txt", b.String())
		return
	}
	t.Log(b.String())
}

// reaches reports whether the one's node has a route to the other's.
func reaches(from, to *Host) bool {
	_, err := from.Node().Mesh().NextHop(to.SID())
	return err == nil
}
