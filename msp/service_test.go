package msp

import (
	"errors"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

func service(name, protocol string) Target { return Target{Service: name, Protocol: protocol} }

// spec M4.2: data goes with the first packet, also of the first stream.
func TestS10OneRoundTripForARequest(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 100 * time.Millisecond})
	l, _ := w.engines[1].Listen(sid.None, Target{Port: 100})
	ask := func(a *Stream, accept func() *Stream) time.Duration {
		start := w.now
		w.write(a, "request")
		var b *Stream
		w.until(time.Minute, func() bool { b = accept(); return b != nil })
		if got, _ := text(w.now, b); got != "request" {
			t.Fatalf("%q", got)
		}
		w.write(b, "response")
		w.until(time.Minute, a.Readable)
		return w.now.Sub(start)
	}
	for range 3 {
		a, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
		must(t, err)
		if took := ask(a, l.Accept); took > 220*time.Millisecond {
			t.Errorf("took %v", took)
		}
		w.pass(time.Second)
	}
}

// spec M16.1, M16.2
func TestS11ServicesAndProtocolsByName(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	one, two := w.engines[0], w.engines[1]
	h1, err := two.Listen(sid.None, service("web", "http/1.1"))
	must(t, err)
	h2, err := two.Listen(sid.None, service("web", "http/2"))
	must(t, err)
	_, err = two.ListenAs(sid.None, service("secret", "1"), About{Hidden: true})
	must(t, err)
	dial := func(to Target) *Stream {
		s, err := one.Dial(w.now, sid.None, testSID(2), to)
		must(t, err)
		w.write(s, to.Protocol)
		w.pass(time.Second)
		return s
	}
	dial(service("web", "http/2"))
	dial(service("web", "http/1.1"))
	for l, want := range map[*Listener]string{h1: "http/1.1", h2: "http/2"} {
		if got, _ := text(w.now, l.Accept()); got != want || l.Accept() != nil {
			t.Errorf("%q at the listener of %q", got, want)
		}
	}
	for to, want := range map[Target]error{
		service("web", "gopher"): ErrNoProtocol, service("web", ""): ErrNoProtocol,
		service("mail", "smtp"): ErrNoService, service("secret", "2"): ErrNoService, {Port: 9}: ErrRefused,
	} {
		if err := dial(to).Err(); err != want || !errors.Is(err, ErrRefused) {
			t.Errorf("%v: %v, want %v", to, err, want)
		}
	}
}

func TestS12AServiceHasOneListener(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	l, err := w.engines[1].Listen(sid.None, service("web", "1"))
	must(t, err)
	if _, err := w.engines[1].Listen(sid.None, service("web", "1")); err != ErrServiceInUse || !errors.Is(err, ErrInUse) {
		t.Errorf("the second: %v", err)
	}
	_, err = w.engines[0].Dial(w.now, sid.None, testSID(2), service("web", "1"))
	must(t, err)
	w.pass(time.Second)
	if l.Accept() == nil {
		t.Error("the first does not work any more")
	}
	l.Close(w.now)
	if _, err := w.engines[1].Listen(sid.None, service("web", "1")); err != nil {
		t.Errorf("after it was closed: %v", err)
	}
}

func TestS13FiftyDialsFiftyStreams(t *testing.T) {
	w := newWorld(t, 1, 51, road{delay: 10 * time.Millisecond})
	server := w.engines[50]
	l, err := server.Listen(sid.None, service("web", "1"))
	must(t, err)
	for _, n := range w.engines[:50] {
		_, err := n.Dial(w.now, sid.None, server.sids[0], service("web", "1"))
		must(t, err)
	}
	w.pass(time.Second)
	called, got := 0, map[sid.SID]bool{}
	server.Changed(func(*Stream) {}, func(l *Listener) {
		called++
		for s := l.Accept(); s != nil; s = l.Accept() {
			got[s.Remote()] = true
		}
	})
	if called != 1 || len(got) != 50 || l.Accept() != nil {
		t.Errorf("called %d times, %d peers", called, len(got))
	}
}

// spec M16.3
func TestS14WhatServicesThereAre(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, loss: 0.1})
	two := w.engines[1]
	for _, s := range []struct {
		to    Target
		about About
	}{
		{service("web", "http/2"), About{Service: "pages", Protocol: "fast"}},
		{service("web", "http/1.1"), About{Service: "pages", Protocol: "slow"}},
		{service("file", ""), About{}},
		{service("secret", "1"), About{Service: "not told", Hidden: true}},
		{Target{Port: 7}, About{}},
	} {
		_, err := two.ListenAs(sid.None, s.to, s.about)
		must(t, err)
	}
	if _, err := two.Listen(sid.None, Target{Port: PortServices}); err != ErrInUse {
		t.Errorf("port 1: %v", err)
	}
	s, err := w.engines[0].AskServices(w.now, sid.None, testSID(2))
	must(t, err)
	var got []ServiceInfo
	w.until(time.Minute, func() bool {
		list, more, err := ReadServices(w.now, s)
		must(t, err)
		got = append(got, list...)
		return !more
	})
	want := []ServiceInfo{
		{"file", "", About{}},
		{"web", "http/1.1", About{Service: "pages", Protocol: "slow"}},
		{"web", "http/2", About{Service: "pages", Protocol: "fast"}},
	}
	for i := range want {
		if len(got) != len(want) || got[i] != want[i] {
			t.Fatalf("%v", got)
		}
	}
	must(t, s.Close(w.now))
	w.pass(10 * time.Second)
	if x, y := w.engines[0].Status(), two.Status(); x.Streams+y.Streams+x.Memory+y.Memory != 0 {
		t.Errorf("left %+v, %+v", x, y)
	}
}

// spec M10.2, M10.4, M10.5
func TestS42PrioritiesAreStrictAndChangeWithinARoundTrip(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 50 * time.Millisecond, rate: 250_000, queue: 30_000, drops: true})
	a, b := w.tree()
	const size = 300_000
	type flow struct {
		from, to    *Stream
		wrote, read int
		done        time.Time
	}
	var flows []*flow
	open := func(priority int32) *flow {
		c, err := a.OpenSub(w.now)
		must(t, err)
		c.SetPriority(priority)
		f := &flow{from: c}
		w.write(c, string([]byte{byte(len(flows))}))
		flows = append(flows, f)
		return f
	}
	run := func() (left int) {
		for d := b.Accept(w.now); d != nil; d = b.Accept(w.now) {
			var n [1]byte
			if _, _, err := d.Read(w.now, n[:]); err == nil {
				flows[n[0]].to = d
			}
		}
		for _, f := range flows {
			if f.wrote < size {
				n, _ := f.from.Write(w.now, make([]byte, min(size-f.wrote, 100_000)))
				f.wrote += n
			}
			if f.to != nil {
				f.read += drain(w.now, f.to)
			}
			if f.read == size && f.done.IsZero() {
				f.done = w.now
			} else if f.read < size {
				left++
			}
		}
		return left
	}
	for p := range int32(6) {
		open(p + 1)
	}
	w.until(time.Minute, func() bool { return run() == 0 })
	for i := range 5 {
		if flows[i].done.Before(flows[i+1].done) {
			t.Errorf("priority %d was done before %d", i+1, i+2)
		}
	}
	flows = nil
	start := w.now
	x, y := open(0), open(0)
	w.until(time.Minute, func() bool { return run() == 0 })
	if d := x.done.Sub(y.done).Abs(); d > w.now.Sub(start)/20 {
		t.Errorf("equals finish %v apart", d)
	}
	flows = nil
	open(2)
	late := open(1)
	w.until(time.Minute, func() bool { run(); return flows[0].read > size/4 })
	if late.read > size/20 {
		t.Errorf("the less urgent has %d", late.read)
	}
	late.from.SetPriority(3)
	changed, before := w.now, late.read
	rtt := a.a.rtt.Smoothed()
	w.until(time.Minute, func() bool { run(); return late.read > before+2000 })
	if took := w.now.Sub(changed); took > rtt+20*time.Millisecond {
		t.Errorf("raised, it came after %v; a round trip is %v", took, rtt)
	}
	if c := classOf(3); c != link.Interactive {
		t.Errorf("class %v", c)
	}
}

// spec M10.5: the receiver asks; the figure of the paper: two replies of 1.5 MB, a request in between.
func TestS43TheReceiverRulesTheOrder(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 20 * time.Millisecond, rate: 1_500_000 / 8, queue: 30_000, drops: true})
	a, b := w.tree()
	const size = 1_500_000
	var client, server [2]*Stream
	for i := range client {
		client[i], server[i] = w.sub(a, b)
	}
	var got, wrote [2]int
	run := func() {
		for i := range server {
			if wrote[i] < size {
				n, _ := server[i].Write(w.now, make([]byte, min(size-wrote[i], 200_000)))
				wrote[i] += n
			}
			got[i] += drain(w.now, client[i])
		}
	}
	share := func(d time.Duration) (of [2]int) {
		before := got
		for end := w.now.Add(d); w.now.Before(end); {
			w.pass(10 * time.Millisecond)
			run()
		}
		return [2]int{got[0] - before[0], got[1] - before[1]}
	}
	if s := share(4 * time.Second); s[0] < s[1]*9/10 || s[1] < s[0]*9/10 {
		t.Errorf("equal: %v", s)
	}
	rtt := b.a.rtt.Smoothed()
	client[1].RequestPriority(w.now, 10)
	share(rtt + 50*time.Millisecond)
	if s := share(time.Second); s[0] > s[1]/20 {
		t.Errorf("the second first: %v", s)
	}
	rtt = b.a.rtt.Smoothed()
	client[0].RequestPriority(w.now, 20)
	share(rtt + 50*time.Millisecond)
	if s := share(time.Second); s[1] > s[0]/20 {
		t.Errorf("swapped: %v", s)
	}
	server[1].IgnorePeerPriority()
	client[1].RequestPriority(w.now, 30)
	share(rtt + 50*time.Millisecond)
	if s := share(time.Second); s[1] > s[0]/20 {
		t.Errorf("not heeded: %v", s)
	}
}

func TestS47StreamsTellTheirNumbers(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 25 * time.Millisecond})
	a, b := w.tree()
	c, d := w.sub(a, b)
	c.SetPriority(7)
	w.write(c, "12345")
	must(t, c.EndRecord(w.now))
	w.pass(time.Second)
	x, y := c.Stats(), d.Stats()
	if x.Written != 6 || x.Acked != 6 || y.Received != 6 || y.Read != 0 || x.Priority != 7 || !x.Ours || y.Ours || x.Parent != a.id || !y.Sub {
		t.Errorf("%+v\n%+v", x, y)
	}
	if x.Remote != testSID(2) || x.RTT < 50*time.Millisecond || x.RTT > 62*time.Millisecond || x.Link != LinkUp || a.Stats().Children != 1 {
		t.Errorf("%+v", x)
	}
	n := 0
	for range w.engines[0].Streams {
		n++
	}
	if n != 2 {
		t.Errorf("%d streams", n)
	}
}
