package host

import (
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/node"
)

// gather has the host take those who use it for a crowd.
func gather(h *Host) {
	h.readers.Add(crowd)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.together = h.clock.now().Add(time.Hour)
}

// What is said at the same time while many wait leaves in few packets: one goroutine sends it all when it gets its turn, and
// not each who said it. With one processor its turn comes when the others wait.
func TestACrowdIsGathered(t *testing.T) {
	const said = 64
	a, b := pair(t)
	from, err := a.ListenPacket(7000)
	if err != nil {
		t.Fatal(err)
	}
	to, err := b.ListenPacket(7000)
	if err != nil {
		t.Fatal(err)
	}
	say := func() {
		if _, err := from.WriteTo([]byte("a word"), mdp.Addr{SID: b.Self(), Port: 7000}); err != nil {
			t.Fatal(err)
		}
	}
	hear := func() {
		to.SetReadDeadline(time.Now().Add(time.Minute))
		if _, _, err := to.ReadFrom(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	say()
	hear() // now there are keys
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	gather(a)
	before := a.Status().Counters.UDP.Sent
	for range said {
		say()
	}
	for range said {
		hear()
	}
	sent := a.Status().Counters.UDP.Sent - before
	t.Logf("%d packets for %d short datagrams", sent, said)
	if sent > said/4 {
		t.Error("they were not gathered")
	}
}

// What one says while many only wait is sent, although nothing else makes the node process.
func TestOneOfACrowdIsNotForgotten(t *testing.T) {
	h := start(t, "a")
	gather(h)
	h.mu.Lock()
	h.pump.timer.Stop()
	h.pump.armed = time.Unix(1, 0) // it counts as set, and never fires
	h.mu.Unlock()
	h.Do(func(time.Time, *node.Node) {})
	stale := func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.pump.stale
	}
	for end := time.Now().Add(time.Minute); stale(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody processes")
		}
	}
}

// Those who were woken together speak together: who asked first that it be sent does not have it sent before the others had their turn.
func TestThoseWokenTogetherSpeakTogether(t *testing.T) {
	const said = 64
	a, b := pair(t)
	from, err := a.ListenPacket(7000)
	if err != nil {
		t.Fatal(err)
	}
	to, err := b.ListenPacket(7000)
	if err != nil {
		t.Fatal(err)
	}
	say := func() {
		if _, err := from.WriteTo([]byte("a word"), mdp.Addr{SID: b.Self(), Port: 7000}); err != nil {
			t.Error(err)
		}
	}
	hear := func() {
		to.SetReadDeadline(time.Now().Add(time.Minute))
		if _, _, err := to.ReadFrom(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	say()
	hear() // now there are keys
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	gather(a)
	before := a.Status().Counters.UDP.Sent
	var all sync.WaitGroup
	for range said {
		all.Go(say)
	}
	all.Wait()
	for range said {
		hear()
	}
	sent := a.Status().Counters.UDP.Sent - before
	t.Logf("%d packets for %d short datagrams", sent, said)
	if sent > said/4 {
		t.Error("they were not gathered")
	}
}

// What those answer who were woken together travels together, with what is acknowledged.
func TestAnswersOfACrowdAreGathered(t *testing.T) {
	const streams, rounds = 2 * crowd, 50
	a, b := pair(t)
	l, err := b.ListenPort(7000)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go io.Copy(c, c)
		}
	}()
	defer l.Close()
	var all []net.Conn
	for range streams {
		c, err := a.DialPort(t.Context(), b.Self(), 7000)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		all = append(all, c)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	gather(a)
	b.mu.Lock()
	b.crowdFor = time.Hour // a busy machine may hold it up for longer than a crowd lasts
	b.mu.Unlock()
	round := func() {
		for _, c := range all {
			if _, err := c.Write([]byte{1}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range all {
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	round()
	before := b.Status().Counters.UDP.Sent
	for range rounds {
		round()
	}
	sent := b.Status().Counters.UDP.Sent - before
	t.Logf("%d packets for %d rounds of %d answers", sent, rounds, streams)
	if sent > 4*rounds {
		t.Error("they were not gathered")
	}
}

// Many who only wait do not have one who exchanges wait for a turn of others.
func TestThoseWhoOnlyWaitAreNoCrowd(t *testing.T) {
	h := start(t, "a")
	h.readers.Add(crowd)
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.clock.now()
	if h.crowded(now) {
		t.Error("they are taken for a crowd")
	}
	h.together = now
	if !h.crowded(now) || h.crowded(now.Add(crowdFor)) {
		t.Error("those woken together are no crowd, or are for ever")
	}
}
