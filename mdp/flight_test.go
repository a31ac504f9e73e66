package mdp

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// TestCrossingFirstFlightsSettleToOneSession: eight each way, all delivered once, and then one session in use // spec D3.8
func TestCrossingFirstFlightsSettleToOneSession(t *testing.T) {
	for _, blind := range []bool{false, true} {
		for offset := range 4 { // in steps of half the way
			w := newWorld(t, "a", "b")
			w.nodes["a"].blind, w.nodes["b"].blind = blind, blind
			a, b := w.bind("a", 100), w.bind("b", 100)
			first, second := a, b
			for i := range 8 {
				w.say(first, map[*Socket]string{a: "b", b: "a"}[first], 100, fmt.Sprint(i))
			}
			w.run(time.Duration(offset) * w.delay / 2)
			for i := range 8 {
				w.say(second, map[*Socket]string{a: "b", b: "a"}[second], 100, fmt.Sprint(i))
			}
			w.run(500 * time.Millisecond)
			for _, k := range []*Socket{a, b} {
				if g := strings.ReplaceAll(got(k), "!", ""); g != "0 1 2 3 4 5 6 7" {
					t.Errorf("blind %v, offset %d: got %q", blind, offset, g)
				}
			}
			w.send(a, "b", 100, "x")
			w.send(b, "a", 100, "y")
			w.run(500 * time.Millisecond)
			before := len(w.seen)
			w.send(a, "b", 100, "x")
			w.send(b, "a", 100, "y")
			w.run(500 * time.Millisecond)
			got(a)
			got(b)
			w.run(30 * time.Second)
			// In a session one of the two indices is that of a handshake 1 of the receiver.
			used := map[string]bool{}
			begun := 0
			for _, p := range w.seen[before:] {
				index := string(p.bytes[1:5])
				if !used[index] && slices.ContainsFunc(w.seen[:before], func(q packet) bool {
					return q.is(wire.TypeHandshake1) && q.from == p.to && string(q.bytes[4:8]) == index
				}) {
					begun++
				}
				used[index] = true
			}
			if len(used) != 2 || begun != 1 {
				t.Errorf("blind %v, offset %d: %d indices in use, %d of initiators", blind, offset, len(used), begun)
			}
		}
	}
}

// TestARestartCostsOneRoundTrip: whoever speaks first, its first packet arrives, and the answer to it // spec D3.5, D4.3
func TestARestartCostsOneRoundTrip(t *testing.T) {
	for _, first := range []string{"a", "b"} {
		w, a, _ := talking(t)
		w.nodes["b"].restart(Limits{})
		b := w.bind("b", 200)
		w.nodes["a"].Restarted(w.now, w.nodes["b"].sid())
		sockets := map[string]*Socket{"a": a, "b": b}
		ports := map[string]uint32{"a": 100, "b": 200}
		second := map[string]string{"a": "b", "b": "a"}[first]
		w.send(sockets[first], second, ports[second], "question")
		w.run(w.delay)
		w.want(sockets[second], "question!")
		w.send(sockets[second], first, ports[first], "answer")
		w.run(w.delay)
		if g := got(sockets[first]); strings.TrimSuffix(g, "!") != "answer" {
			t.Errorf("%s first: got %q", first, g)
		}
	}
}

// TestTwoRunsMayHaveTheSameStamps: the clock of a begins at the same time with each life // spec D3.5
func TestTwoRunsMayHaveTheSameStamps(t *testing.T) {
	for _, blind := range []bool{true, false} {
		w := newWorld(t, "a", "b")
		a, b := w.bind("a", 100), w.bind("b", 200)
		n := w.nodes["a"]
		n.blind = blind
		w.say(a, "b", 200, "one")
		w.run(time.Second)
		w.want(b, "one!")
		n.skew -= time.Second
		n.restart(Limits{})
		w.say(w.bind("a", 100), "b", 200, "two")
		w.run(time.Second)
		w.want(b, "two!")
	}
}

// TestReleasedEarlyDataIsNotDeliveredAtOnceLater: it named this run, and was held because there was no room to remember it; when
// there is, its copy must not pass for what was never delivered // spec D3.5
func TestReleasedEarlyDataIsNotDeliveredAtOnceLater(t *testing.T) {
	w, _, b := firstContact(t)
	n := w.nodes["b"]
	n.seen.max = 1
	n.seen.take(w.now, runOf(9, 9), 1)
	w.run(time.Second)
	w.want(b, "first!")
	if n.stats.EarlyHeld != 1 {
		t.Fatalf("%+v", n.stats)
	}
	w.run(20 * time.Minute) // all else is forgotten
	w.play(rand.New(rand.NewPCG(1, 1)), w.seen, 3, time.Second)
	w.want(b, "")
}

// TestHeldEarlyDataIsBounded: of one pair, and in all // spec D3.7
func TestHeldEarlyDataIsBounded(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.nodes["a"].blind = true
	a := w.bind("a", 100)
	b := w.nodes["b"]
	w.fate = func(p packet) []time.Duration {
		if p.is(wire.TypeHandshake1) {
			return []time.Duration{w.delay}
		}
		return nil
	}
	for range 3 {
		for range 8 {
			if err := a.SendTo(w.now, w.addr("b", 200), make([]byte, 500), link.Bulk); err != nil {
				t.Fatal(err)
			}
		}
		w.run(25 * time.Second) // given up
	}
	stranger := b.peers.strangers.newest
	if b.heldBytes > maxHeld*504 || b.heldBytes == 0 || stranger.held > maxHeld {
		t.Errorf("%d bytes held", b.heldBytes)
	}
	if b.heldBytes = maxHeldBytes - 100; true {
		w.send(a, "b", 200, strings.Repeat("x", 200))
		w.run(100 * time.Millisecond)
	}
	if b.stats.EarlyRefused != 1 {
		t.Errorf("%+v", b.stats)
	}
	b.heldBytes -= maxHeldBytes - 100
	for _, d := range stranger.openings[0] {
		for _, h := range d.held {
			b.heldBytes += len(h.plain)
		}
	}
	w.run(time.Minute)
	if b.heldBytes != 0 || stranger.held != 0 {
		t.Errorf("%d bytes, %d datagrams still held", b.heldBytes, stranger.held)
	}
}

// TestUnfitDatagramsLetOthersPass: what is too long for a handshake waits, the others ride // spec D3.3
func TestUnfitDatagramsLetOthersPass(t *testing.T) {
	w := newWorld(t, "a", "b")
	a, b := w.bind("a", 100), w.bind("b", 200)
	w.send(a, "b", 200, strings.Repeat("long", 250))
	w.send(a, "b", 200, "one")
	w.send(a, "b", 200, strings.Repeat("long", 240))
	w.send(a, "b", 200, "two")
	w.run(w.delay)
	w.want(b, "one! two!")
	w.run(2 * w.delay)
	if g := got(b); len(g) != 1000+1+960 || strings.Contains(g, "!") {
		t.Errorf("got %d bytes", len(g))
	}
	if n := w.nodes["a"].pendingBytes; n != 0 {
		t.Error(n, "bytes pending")
	}
}
