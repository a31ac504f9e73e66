package msp

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A post is a carrier that keeps packets until they are fetched.
type post struct {
	room  [1200]byte
	to    pair
	queue []letter
}

type letter struct {
	to    pair // as the receiver sees it
	bytes []byte
}

func (c *post) Begin(_ time.Time, local, remote sid.SID, _ link.Class, size int) ([]byte, error) {
	c.to = pair{local: remote, remote: local}
	return c.room[:size:size], nil
}

func (c *post) Commit(_ time.Time, n int) {
	c.queue = append(c.queue, letter{c.to, append([]byte(nil), c.room[:n]...)})
}

func (c *post) MaxPayload(sid.SID) (safe, most int, err error) { return len(c.room), len(c.room), nil }

// A crowd is one engine with streams to many, who are all the other engine.
type crowd struct {
	now      time.Time
	a, b     *Engine
	ca, cb   *post
	streams  []*Stream // of a
	accepted []*Stream // of b, by the order in which they came
}

// newCrowd opens so many streams to each of so many.
func newCrowd(tb testing.TB, associations, streams int) *crowd {
	limits := Limits{Associations: 2 * associations, Streams: 2 * associations * streams, Backlog: streams} // peers may have a part of them
	x := &crowd{now: epoch, ca: new(post), cb: new(post)}
	one, two := testSID(1), testSID(2)
	x.a = New(x.now, Config{Identities: []sid.SID{one}, Limits: limits}, x.ca)
	x.b = New(x.now, Config{Identities: []sid.SID{two}, Limits: limits}, x.cb)
	l, err := x.b.Listen(sid.None, Target{Port: 100})
	must(tb, err)
	for i := range associations {
		binary.BigEndian.PutUint32(two[4:], uint32(i+1))
		for range streams {
			s, err := x.a.Dial(x.now, one, two, Target{Port: 100})
			must(tb, err)
			_, err = s.Write(x.now, make([]byte, 100))
			must(tb, err)
			x.streams = append(x.streams, s)
		}
		x.settle()
		for s := l.Accept(); s != nil; s = l.Accept() {
			drain(x.now, s)
			x.accepted = append(x.accepted, s)
		}
	}
	if len(x.accepted) != len(x.streams) {
		tb.Fatalf("%d of %d streams were accepted", len(x.accepted), len(x.streams))
	}
	for range 20 { // until all is acknowledged, and what is not needed given back
		x.now = x.now.Add(time.Second)
		x.settle()
	}
	return x
}

// turn lets both process once and carries what comes of it. It reports whether there was anything.
func (x *crowd) turn() bool {
	x.a.Processing(x.now)
	x.b.Processing(x.now)
	if len(x.ca.queue)+len(x.cb.queue) == 0 {
		return false
	}
	x.now = x.now.Add(time.Millisecond)
	deliver := func(c *post, to *Engine) {
		for _, l := range c.queue {
			to.Deliver(x.now, l.to.local, l.to.remote, l.bytes)
		}
		c.queue = c.queue[:0]
	}
	deliver(x.ca, x.b)
	deliver(x.cb, x.a)
	return true
}

func (x *crowd) settle() {
	for x.turn() {
	}
	for _, e := range []*Engine{x.a, x.b} {
		e.Changed(func(*Stream) {}, func(*Listener) {})
	}
}

// One of 100,000 streams costs what one of 100 does: nothing looks at those that have nothing to do. Each operation is 1,000 bytes
// there and all that comes of them at both ends; the streams take turns.
func BenchmarkMany(b *testing.B) {
	for _, associations := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("%d×10", associations), func(b *testing.B) {
			before := inUse()
			x := newCrowd(b, associations, 10)
			held := float64(inUse()-before) / 2
			data := make([]byte, 1000)
			b.ResetTimer()
			for i := range b.N {
				k := i * 7919 % len(x.streams)
				if _, err := x.streams[k].Write(x.now, data); err != nil {
					b.Fatal(err)
				}
				for x.turn() {
				}
				drain(x.now, x.accepted[k])
				x.now = x.now.Add(time.Millisecond)
			}
			b.StopTimer()
			b.ReportMetric(held/float64(associations), "B/association-with-10-streams")
			b.ReportMetric(held/1e6, "MB")
			runtime.KeepAlive(x)
		})
	}
}
