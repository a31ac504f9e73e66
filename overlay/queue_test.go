package overlay

import (
	"math"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

func newQueues() *queues {
	q := &queues{}
	q.init()
	return q
}

// served lets a queue of plenty send n frames, and counts them by class.
func served(t *testing.T, classes []link.Class, n int) (count [link.NumClasses]int) {
	t.Helper()
	q := newQueues()
	for _, class := range classes {
		for range n {
			q.push(&frame{class: class, n: 1000})
		}
	}
	for range n {
		if q.head() == nil {
			t.Fatal("empty")
		}
		count[q.pop().class]++
	}
	return count
}

func TestQueuesShareByClass(t *testing.T) { // spec O11.2
	all := []link.Class{link.Control, link.Voice, link.Interactive, link.Bulk, link.Background}
	for _, test := range []struct {
		classes []link.Class
		percent [link.NumClasses]int
	}{
		{all, [...]int{20, 40, 23, 11, 6}},
		{all[1:], [...]int{0, 50, 29, 14, 7}},
		{all[2:], [...]int{0, 0, 57, 29, 14}},
		{[]link.Class{link.Control, link.Bulk}, [...]int{20, 0, 0, 80, 0}},
		{[]link.Class{link.Control, link.Voice}, [...]int{20, 80, 0, 0, 0}},
		{[]link.Class{link.Voice}, [...]int{0, 100, 0, 0, 0}},
		{[]link.Class{link.Control}, [...]int{100, 0, 0, 0, 0}},
	} {
		count := served(t, test.classes, 10_000)
		for class, want := range test.percent {
			if got := count[class] / 100; got < want-2 || got > want+2 {
				t.Errorf("%v: class %v has %d %%, want %d", test.classes, link.Class(class), got, want)
			}
		}
	}
}

func TestFlowsShareAClass(t *testing.T) { // spec O11.2, RFC 8290 §4.2
	q := newQueues()
	for key, size := range []int{1400, 700, 1400} {
		for range 2000 * 1400 / size {
			q.push(&frame{class: link.Bulk, flow: uint32(key), n: size})
		}
	}
	var bytes [3]int
	for range 3000 {
		q.head()
		f := q.pop()
		bytes[f.flow] += f.weight()
	}
	for key, got := range bytes {
		if most := max(bytes[0], bytes[1], bytes[2]); got < most*9/10 {
			t.Errorf("flow %d: %d of %d bytes", key, got, most)
		}
	}
}

func TestAFlowThatBeginsIsServedAtOnce(t *testing.T) { // spec O11.2
	q := newQueues()
	for range 100 {
		q.push(&frame{class: link.Bulk, flow: 1, n: 1400})
		q.push(&frame{class: link.Bulk, flow: 2, n: 1400})
	}
	for range 7 {
		q.head()
		q.pop()
	}
	q.push(&frame{class: link.Bulk, flow: 3, n: 100})
	q.head()
	if f := q.pop(); f.flow != 3 {
		t.Errorf("flow %d first", f.flow)
	}
}

func TestARunOfOneFlowStaysTogether(t *testing.T) { // spec O11.2
	q := newQueues()
	q.quantum = 32 << 10
	for range 200 {
		for key := range uint32(3) {
			q.push(&frame{class: link.Bulk, flow: key, n: 1400})
		}
	}
	runs, last := 0, uint32(99)
	for range 600 {
		q.head()
		if f := q.pop(); f.flow != last {
			runs, last = runs+1, f.flow
		}
	}
	if runs > 600/20 {
		t.Errorf("%d runs", runs)
	}
}

func TestFlowsAndWhatTheyHoldAreBounded(t *testing.T) { // spec O11.1
	q := newQueues()
	c := &q.class[link.Bulk]
	for key := range uint32(1000) {
		q.push(&frame{class: link.Bulk, flow: key, n: 10})
	}
	if len(c.flows) != maxFlows || c.n != 1000 || q.n != 1000 {
		t.Errorf("%d flows, %d frames", len(c.flows), c.n)
	}
	for range 1000 {
		q.head()
		q.pop()
	}
	if len(c.flows) != 0 || q.n != 0 || q.bytes != 0 || c.bytes != 0 {
		t.Errorf("%d flows, %d frames, %d and %d bytes are left", len(c.flows), q.n, q.bytes, c.bytes)
	}
}

func TestAFullQueueDropsOfTheFattestFlow(t *testing.T) { // spec O11.1
	q := newQueues()
	for i := range 100 {
		q.push(&frame{class: link.Bulk, flow: uint32(min(i%10, 1)), n: 10})
	}
	if f := q.dropFattest(link.Bulk, 0); f == nil || f.flow != 1 || q.n != 99 {
		t.Errorf("%+v", f)
	}
	if f := q.dropFattest(link.Bulk, 1); f != nil {
		t.Errorf("the fattest drops of another: %+v", f)
	}
}

func TestAStandingQueueIsCut(t *testing.T) { // spec O11.4, RFC 8289
	for _, test := range []struct {
		kind   link.Kind
		waited time.Duration
		first  time.Duration // until the first drop, 0 = none
	}{
		{link.LAN, 4 * time.Millisecond, 0},
		{link.LAN, 6 * time.Millisecond, 100 * time.Millisecond},
		{link.Radio, 19 * time.Millisecond, 0},
		{link.Radio, 30 * time.Millisecond, 200 * time.Millisecond},
	} {
		var c codel
		var drops []time.Duration
		for at := time.Duration(0); at < time.Second; at += time.Millisecond {
			if c.drops(epoch.Add(at), test.waited, 10, 1, test.kind) {
				drops = append(drops, at)
			}
		}
		if test.first == 0 {
			if len(drops) > 0 {
				t.Errorf("%+v: drops at %v", test, drops)
			}
			continue
		}
		if len(drops) < 4 || drops[0] != test.first || drops[1]-drops[0] <= drops[3]-drops[2] {
			t.Errorf("%+v: drops at %v", test, drops)
		}
	}
}

func TestOnlyWhatOthersSendIsCut(t *testing.T) { // spec O11.4
	for _, own := range []bool{true, false} {
		q := newQueues()
		for range 300 {
			f := &frame{class: link.Bulk, n: 1000, expires: epoch.Add(lifetimes[link.Bulk])}
			if f.limit = 50; own {
				f.limit = math.MaxUint32
			}
			q.push(f)
		}
		dropped := 0
		for i := range 250 {
			if q.stands(epoch.Add(time.Duration(i+10)*time.Millisecond), q.head(), lifetimes[q.head().class], link.LAN) {
				dropped++
			}
			q.pop()
		}
		if (dropped > 0) == own {
			t.Errorf("own %v: %d dropped", own, dropped)
		}
	}
}

// spec O11.4: of a flow that shares the link a few frames are no queue that stands; alone, or as more, they are.
func TestAFewFramesOfAFlowAmongOthersStand(t *testing.T) {
	for _, c := range []struct {
		flows uint32
		few   int
		drops bool
	}{{1, fewFrames, true}, {2, fewFrames, false}, {2, fewFrames + 1, true}} {
		q, dropped := newQueues(), false
		for key := range c.flows {
			for range c.few {
				q.push(&frame{class: link.Bulk, flow: key, n: 1400, expires: epoch.Add(lifetimes[link.Bulk])})
			}
		}
		for at := 10 * time.Millisecond; at < time.Second && !dropped; at += 10 * time.Millisecond {
			dropped = q.stands(epoch.Add(at), q.head(), lifetimes[link.Bulk], link.LAN)
		}
		if dropped != c.drops {
			t.Errorf("%d flows of %d frames: one is dropped: %v", c.flows, c.few, dropped)
		}
	}
}
