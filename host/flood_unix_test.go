//go:build unix

package host

import (
	"context"
	"flag"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var long = flag.Bool("long", false, "run the long tests")

const (
	floodRounds = 7
	floodPhase  = 700 * time.Millisecond
	floodSettle = 300 * time.Millisecond
	floodMemory = 16 << 20 // bytes more on the heap than the buffers of a stream
)

// What a stream keeps on the loopback while another process sends forged handshakes to its receiver, at 50,000 a
// second and as fast as one core can. It is compared, round by round, with what it carries while that process sends
// the same to a socket that nobody reads, so that what the flooder itself takes from a small machine does not count.
// The figures depend on the machine and on what else it does: they are reported.
func TestFloodOnTheLoopback(t *testing.T) { // spec S6, threat 8
	if !*long {
		t.Skip("with -long: it takes all cores for minutes")
	}
	for _, bitrate := range []int{0, 100e6} {
		for _, bad := range []string{"mac1", "mac2"} {
			for _, rate := range []int{50_000, 0} {
				t.Run(fmt.Sprintf("bitrate=%d/bad=%s/rate=%d", bitrate, bad, rate), func(t *testing.T) {
					f := newFloodTest(t, bitrate, bad, rate)
					f.run()
				})
			}
		}
	}
}

// A floodTest is a stream from a to b, and who floods b or somebody else.
type floodTest struct {
	*testing.T
	b        *Host
	received *atomic.Int64
	flooder  *flooder
}

func newFloodTest(t *testing.T, bitrate int, bad string, rate int) *floodTest {
	a, b := pair(t)
	f := &floodTest{T: t, b: b, received: streamTo(t, a, b, bitrate), flooder: startFlooder(t, b.Self(), bad, rate)}
	f.phase("-") // the stream finds its pace
	return f
}

// run takes turns, and reports medians.
func (f *floodTest) run() {
	nobody, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	defer nobody.Close()
	var calm, aside, under phases
	var kept, costs []float64
	heap := heapBytes()
	for range floodRounds {
		calm = append(calm, f.phase("-"))
		aside = append(aside, f.phase(nobody.LocalAddr().String()))
		under = append(under, f.phase(address(f.b)))
		x, y := aside[len(aside)-1], under[len(under)-1]
		kept = append(kept, y.goodput/x.goodput)
		costs = append(costs, 1e6*(y.cpu-x.cpu*y.goodput/x.goodput)/y.flood)
	}
	grown := heapBytes() - heap
	f.Logf("%.0f MB/s calm, %.0f with %.0f/s aside, %.0f under %.0f/s: keeps %.0f %%; %.1f µs of CPU for each; heap %+d KiB",
		calm.goodput(), aside.goodput(), aside.flood(), under.goodput(), under.flood(), 100*median(kept), median(costs), grown>>10)
	if under.goodput() == 0 {
		f.Error("the stream stands still")
	}
	f.Logf("a newcomer is in after %v", f.newcomer())
	if grown > floodMemory {
		f.Error("the heap has grown")
	}
}

// A phase is what was measured while the flooder aimed at one address.
type phase struct {
	goodput, flood float64 // MB/s and forged handshakes/s
	cpu            float64 // cores used by this process: both nodes
}

// phase aims the flooder, "-" is at nobody, and measures.
func (f *floodTest) phase(to string) phase {
	f.flooder.aim(to)
	time.Sleep(floodSettle)
	got, sent, cpu, at := f.received.Load(), f.flooder.sent(), cpuTime(), time.Now()
	time.Sleep(floodPhase)
	took := time.Since(at).Seconds()
	return phase{
		goodput: float64(f.received.Load()-got) / took / 1e6,
		flood:   float64(f.flooder.sent()-sent) / took,
		cpu:     (cpuTime() - cpu).Seconds() / took,
	}
}

// newcomer is how long somebody new takes to be let in during the flood.
func (f *floodTest) newcomer() time.Duration {
	begun := time.Now()
	c := start(f.T, "c", address(f.b))
	defer c.Close()
	for time.Since(begun) < time.Minute {
		if slices.ContainsFunc(c.Status().Peers, func(p PeerStatus) bool { return p.SID == f.b.Self().String() && p.State != Unreachable }) {
			return time.Since(begun)
		}
		time.Sleep(5 * time.Millisecond)
	}
	f.Error("a newcomer is kept out")
	return time.Minute
}

type phases []phase

func (p phases) median(of func(phase) float64) float64 {
	var v []float64
	for _, x := range p {
		v = append(v, of(x))
	}
	return median(v)
}

func (p phases) goodput() float64 { return p.median(func(x phase) float64 { return x.goodput }) }

func (p phases) flood() float64 { return p.median(func(x phase) float64 { return x.flood }) }

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// heapBytes is what is in use.
func heapBytes() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// streamTo begins a stream with that many bit/s, 0 = as many as go, and counts what arrives.
func streamTo(t *testing.T, a, b *Host, bitrate int) *atomic.Int64 {
	l, err := b.ListenPort(7000)
	if err != nil {
		t.Fatal(err)
	}
	received := new(atomic.Int64)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		buf := make([]byte, 1<<16)
		for {
			n, err := c.Read(buf)
			if received.Add(int64(n)); err != nil {
				return
			}
		}
	}()
	c, err := a.DialPort(context.Background(), b.Self(), 7000)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf, start := make([]byte, 1<<15), time.Now()
		for sent := 0; ; sent += len(buf) {
			if bitrate > 0 {
				time.Sleep(time.Duration(8*sent)*time.Second/time.Duration(bitrate) - time.Since(start))
			}
			if _, err := c.Write(buf); err != nil {
				return
			}
		}
	}()
	return received
}
