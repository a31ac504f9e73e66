package simnet

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// newDSL is a client at the end of a line of 1.5 Mbit/s down and 384 kbit/s up, 100 ms to and fro, and a server.
func newDSL(t *testing.T, loss float64) (w *World, client, server *Host) {
	w = New(2007)
	client, server = w.AddNode("client"), w.AddNode("server")
	cfg := LinkConfig{Kind: link.Internet, Rate: 1_500_000, Latency: 50 * time.Millisecond, Loss: loss}
	l := w.Link(client, server, cfg)
	cfg.Rate = 384_000
	l.SetFrom(client, cfg)
	if !w.RunUntilRoutesComplete(time.Minute) {
		t.Fatal("no routes")
	}
	return w, client, server
}

// serve answers each stream that ends with so many bytes as its first four say.
func serve(t *testing.T, server *Host) {
	var l *msp.Listener
	server.Do(func(_ time.Time, n *node.Node) {
		var err error
		if l, err = n.MSP().Listen(sid.None, msp.Target{Port: 80}); err != nil {
			t.Fatal(err)
		}
	})
	type request struct {
		s    *msp.Stream
		asks []byte
		rest int
		all  bool
	}
	var open []*request
	buf := make([]byte, 64<<10)
	server.OnWake = func(now time.Time) {
		for s := l.Accept(); s != nil; s = l.Accept() {
			open = append(open, &request{s: s})
		}
		for _, r := range open {
			for !r.all {
				n, _, err := r.s.Read(now, buf)
				r.asks = append(r.asks, buf[:n]...)
				if err == msp.ErrWouldBlock {
					break
				}
				if err != nil {
					r.all = true
					_, _ = fmt.Sscan(string(r.asks), &r.rest)
				}
			}
			for r.all && r.rest > 0 && r.s.Writable() {
				n, _ := r.s.Write(now, buf[:min(len(buf), r.rest)])
				if r.rest -= n; r.rest == 0 {
					_ = r.s.Close(now)
				}
				server.Wake()
			}
		}
	}
}

// ask returns how long it takes from the dial until the last byte of a reply of that size.
func ask(t *testing.T, w *World, client, server *Host, size int) time.Duration {
	t.Helper()
	start, got, over := w.Now(), 0, false
	var s *msp.Stream
	client.Do(func(now time.Time, n *node.Node) {
		var err error
		if s, err = n.MSP().Dial(now, sid.None, server.SID(), msp.Target{Port: 80}); err != nil {
			t.Fatal(err)
		}
		_, _ = s.Write(now, fmt.Appendf(nil, "%-32d", size))
		_ = s.CloseWrite(now)
	})
	buf := make([]byte, 64<<10)
	client.OnWake = func(now time.Time) {
		for !over {
			n, _, err := s.Read(now, buf)
			if got += n; err == msp.ErrWouldBlock {
				return
			}
			over = err != nil
		}
	}
	if !w.RunUntil(func() bool { return over }, 5*time.Minute) || got != size {
		t.Fatalf("%d of %d bytes came", got, size)
	}
	return w.Now().Sub(start)
}

// The request and reply experiment of SIGCOMM 2007: on a DSL line a warm request takes a round trip and what its reply
// takes to be transferred. The first one also pays what a node that knows nobody must.
func TestRequestsOnADSLLine(t *testing.T) {
	w, client, server := newDSL(t, 0)
	serve(t, server)
	var b strings.Builder
	b.WriteString("request of 32 bytes on a line of 1.5 Mbit/s down, 384 kbit/s up, 100 ms; the reply: time, of which a round trip and the transfer\n")
	line := func(what string, size int) {
		took := ask(t, w, client, server, size)
		wire := time.Duration(float64(size*8)/1.5e6*1.1*1e9) + 15*time.Millisecond      // headers; a full packet, one way's worth of the request
		ideal := 100*time.Millisecond + wire + wire/(8*time.Second)*25*time.Millisecond // spec O6.6: the queue runs empty
		fmt.Fprintf(&b, "%s %8d bytes: %6d ms, %d\n", what, size, took.Milliseconds(), ideal.Milliseconds())
		if what == "warm" && took > ideal {
			t.Errorf("%d bytes took %v, not %v", size, took, ideal)
		}
		w.Run(time.Second)
	}
	line("cold", 32)
	line("cold", 2<<20)
	for size := 32; size <= 2<<20; size *= 4 {
		line("warm", size)
	}
	line("warm", 2<<20)
	golden(t, "dsl.txt", b.String())
}

// The datagram experiment: a hundred of 16 bytes, twice as many, up to 1 MB, then again, on a line that loses a tenth.
func TestDatagramsOfDoublingSize(t *testing.T) {
	w, server, client := newDSL(t, 0.1) // down the line
	k := newTalk(t, client, server)
	k.say([]byte("here I am"))
	w.Run(time.Second)
	server.Do(func(now time.Time, _ *node.Node) { k.to.Listen(now, msp.ListenMode{Subs: 1000}) })
	got, buf := map[int]int{}, make([]byte, 2<<20)
	accept := server.OnWake
	server.OnWake = func(now time.Time) {
		accept(now)
		for {
			n, _, err := k.to.RecvDatagram(now, buf)
			if err != nil {
				return
			}
			got[n]++
		}
	}
	sent := map[int]int{}
	sizes := []int{}
	for i, size := 0, 16; i < 100; i++ {
		if size > 1<<20 {
			size = 16
		}
		if sent[size]++; sent[size] == 1 {
			sizes = append(sizes, size)
		}
		p := make([]byte, size)
		pattern(p, uint32(i), 0)
		for err := error(msp.ErrWouldBlock); err != nil; w.Run(5 * time.Millisecond) {
			client.Do(func(now time.Time, _ *node.Node) { err = k.from.SendDatagram(now, p, false) })
			if err != nil && err != msp.ErrWouldBlock {
				t.Fatal(err)
			}
		}
		size *= 2
	}
	w.Run(3 * time.Minute)
	var b strings.Builder
	all := 0
	for _, size := range sizes {
		fmt.Fprintf(&b, "%7d bytes: %d of %d\n", size, got[size], sent[size])
		all += got[size]
	}
	fmt.Fprintf(&b, "all: %d of 100\n", all)
	if all < 90 {
		t.Errorf("%d of 100 arrived", all)
	}
	golden(t, "datagrams.txt", b.String())
}

// The priority experiment: two replies share the line; a third, more urgent, has it all from the fifth second on; at the
// tenth the client has the first and the third change places, which takes a round trip. Spec M10.4, M10.5.
func TestPrioritiesOnADSLLine(t *testing.T) {
	w, client, server := newDSL(t, 0)
	replies := []*reply{pour(t, server, client, 100, 0), pour(t, server, client, 101, 0)}
	var b strings.Builder
	b.WriteString("replies on a line of 1.5 Mbit/s, 100 ms; kbit/s of each, second by second\n")
	second := func() (rates []int) {
		before := []int{}
		for _, r := range replies {
			before = append(before, r.got)
		}
		w.Run(time.Second)
		for i, r := range replies {
			rates = append(rates, (r.got-before[i])*8/1000)
		}
		fmt.Fprintf(&b, "%2d s:%5d\n", int(w.Elapsed().Seconds()), rates)
		return rates
	}
	w.Run(w.Elapsed().Truncate(time.Second) + time.Second - w.Elapsed())
	for range 5 {
		second()
	}
	urgent := pour(t, server, client, 102, 0)
	urgent.from.SetPriority(5)
	replies = append(replies, urgent)
	b.WriteString("a third begins at priority 5\n")
	for i := range 5 {
		if r := second(); i > 0 && (r[0]+r[1] > 0 || r[2] < 1300) {
			t.Errorf("%d kbit/s beside an urgent reply", r)
		}
	}
	rtt, at := replies[0].from.PathStats().RTT, w.Now()
	client.Do(func(now time.Time, _ *node.Node) {
		replies[0].to.RequestPriority(now, 5)
		urgent.to.RequestPriority(now, 0)
	})
	fmt.Fprintf(&b, "the client has the first and the third change places; a round trip is %d ms\n", rtt.Milliseconds())
	for i := range 5 {
		if r := second(); i > 0 && (r[1]+r[2] > 0 || r[0] < 1300) {
			t.Errorf("%d kbit/s after the change", r)
		}
	}
	took := urgent.last.Sub(at)
	fmt.Fprintf(&b, "the third got its last byte after %d ms\n", took.Milliseconds())
	if took > rtt+rtt/2 { // half of one until the server knows
		t.Errorf("the change took %v, a round trip is %v", took, rtt)
	}
	golden(t, "priorities.txt", b.String())
}

// golden compares with testdata/sigcomm, or writes it with -rewrite.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/sigcomm/" + name
	if *rewrite {
		if err := os.MkdirAll("testdata/sigcomm", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))) != got {
		t.Errorf("it went\n%s\nand not\n%s", got, want)
	}
}
