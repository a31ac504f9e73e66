package simnet

import (
	"math"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// S47: over two hops the round trip told after two hundred packets is that of the links within a tenth, and stays
// so; nothing is told as lost that was not.
func TestS47WhatIsToldIsWhatThePathIs(t *testing.T) {
	const rtt = 80 * time.Millisecond
	w := New(47)
	hosts := w.AddNodes("n", 3)
	w.Line(LinkConfig{Kind: link.Internet, Latency: rtt / 4}, hosts...)
	if !w.RunUntilRoutesComplete(time.Minute) {
		t.Fatal("no routes")
	}
	talk := newTalk(t, hosts[0], hosts[2])
	for i := range 500 {
		talk.say(make([]byte, 2000)) // two packets: a lone one is acknowledged 10 ms later
		w.Run(20 * time.Millisecond)
		talk.read()
		if p := talk.from.PathStats(); p.PacketsOut >= 200 && math.Abs(float64(p.RTT-rtt)) > float64(rtt)/10 {
			t.Fatalf("packet %d: round trip %v of %v", i, p.RTT, rtt)
		}
	}
	w.Run(5 * time.Second)
	near, far := talk.from.PathStats(), talk.to.PathStats()
	if near.PacketsOut != far.PacketsIn || near.PacketsIn != far.PacketsOut || near.Lost != 0 || far.Lost != 0 {
		t.Errorf("one end %+v, the other %+v", near, far)
	}
}

// S47 over hops that lose a twentieth each: the smallest round trip told stays that of the links within a tenth; the
// smoothed one has in it what the hops need to repair, and so lies above.
func TestS47OverLossyHops(t *testing.T) {
	const rtt = 80 * time.Millisecond
	w := New(48)
	hosts := w.AddNodes("n", 3)
	w.Line(LinkConfig{Kind: link.Internet, Latency: rtt / 4, Loss: 0.05}, hosts...)
	if !w.RunUntilRoutesComplete(time.Minute) {
		t.Fatal("no routes")
	}
	talk := newTalk(t, hosts[0], hosts[2])
	for range 500 {
		talk.say(make([]byte, 2000))
		w.Run(20 * time.Millisecond)
		talk.read()
		p := talk.from.PathStats()
		if p.PacketsOut >= 200 && (math.Abs(float64(p.MinRTT-rtt)) > float64(rtt)/10 || p.RTT < p.MinRTT || p.RTT > 3*rtt) {
			t.Fatalf("packet %d: smallest round trip %v, smoothed %v, of %v", p.PacketsOut, p.MinRTT, p.RTT, rtt)
		}
	}
}
