package msp

import (
	"math"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// S47: what is told of the path is what the path does, within a tenth, and the counters
// are those of a tap on it.
func TestS47LinkStatistics(t *testing.T) {
	const rtt = 60 * time.Millisecond
	w := newWorld(t, 1, 2, road{delay: rtt / 2, rate: 1_000_000, queue: 3000})
	var out, in, bytes, dropped [2]uint64
	who := func(n *node) int {
		if n == w.engines[0] {
			return 0
		}
		return 1
	}
	w.tap = func(from *node, _ link.Class, packet []byte) bool {
		i := who(from)
		out[i]++
		bytes[i] += uint64(len(packet))
		if w.random.Float64() < 0.1 {
			dropped[i]++
			return true
		}
		in[1-i]++
		return false
	}
	x := w.load(w.engines[0], w.engines[1], 100)
	w.carry(10*time.Second, x)
	x.from.a.e.Changed(func(*Stream) {}, func(*Listener) {})
	w.pass(5 * time.Second)
	drain(w.now, x.to)
	w.pass(5 * time.Second)
	for i, s := range []*Stream{x.from, x.to} {
		p := s.PathStats()
		if p.PacketsOut != out[i] || p.BytesOut != bytes[i] || p.PacketsIn != in[i] {
			t.Errorf("end %d: %+v; the tap saw %d out, %d bytes, %d in", i, p, out[i], bytes[i], in[i])
		}
	}
	p := x.from.PathStats()
	if out[0] < 200 || math.Abs(float64(p.RTT-rtt)) > float64(rtt)/10 {
		t.Errorf("round trip %v of %v, after %d packets", p.RTT, rtt, out[0])
	}
	if want := float64(dropped[0]) / float64(out[0]); math.Abs(p.Loss()-want) > want/10 {
		t.Errorf("%.3f lost, not %.3f", p.Loss(), want)
	}
	if !p.Model || p.Noise < 0.06 || p.Noise > 0.14 || p.PacketSize != 1200 || p.InFlight != 0 {
		t.Errorf("%+v", p)
	}
}
