package simnet

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

func TestWhatCutsALink(t *testing.T) {
	type world struct {
		*World
		a, b *fake
		l    *Link
	}
	for _, test := range []struct {
		name       string
		cut, mend  func(world)
		why        Reason
		sentBefore bool // what was on its way is lost too
	}{
		{"down", func(w world) { w.l.Down() }, func(w world) { w.l.Up() }, DropDown, true},
		{
			"partition", func(w world) { w.Partition([]*Host{w.a.host}, []*Host{w.b.host}) },
			func(w world) { w.Heal() }, DropPartition, true,
		},
		{"unplugged", func(w world) { w.l.Unplug(w.b.host) }, func(w world) { w.l.Plug(w.b.host) }, DropUnplugged, true},
		{"stopped", func(w world) { w.b.host.Stop() }, func(w world) { w.b.host.Start() }, DropStopped, true},
		{"paused", func(w world) { w.b.host.Pause() }, func(w world) { w.b.host.Resume() }, DropStopped, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var w world
			w.World, w.a, w.b, w.l = pair(11, LinkConfig{Latency: 10 * time.Millisecond})
			to := w.l.Path(w.a.host, w.b.host)
			w.a.send(to, 1, 10)
			w.Run(5 * time.Millisecond)
			test.cut(w)
			w.a.send(to, 1, 10)
			w.Run(time.Second)
			if c := w.l.Counters(); len(w.b.got) != 0 || c.Dropped[test.why] != 2 {
				t.Fatalf("%d arrived, %+v", len(w.b.got), c)
			}
			test.mend(w)
			w.a.send(to, 1, 10)
			w.Run(time.Second)
			if len(w.b.got) != 1 {
				t.Errorf("%d arrived after mending, want 1", len(w.b.got))
			}
		})
	}
}

func TestHostsOutsideAPartitionReachEverybody(t *testing.T) {
	w := New(12)
	a, b, c := addFake(w, "a"), addFake(w, "b"), addFake(w, "c")
	l := w.LAN("hall", LinkConfig{}, a.host, b.host, c.host)
	w.Partition([]*Host{a.host}, []*Host{b.host})
	a.send(link.Path{Iface: 1}, 1, 10)
	w.Run(time.Second)
	if len(b.got) != 0 || len(c.got) != 1 || l.Counters().Dropped[DropPartition] != 1 {
		t.Errorf("b heard %d, c heard %d, want 0 and 1", len(b.got), len(c.got))
	}
}

func TestConfigChangesAtRunTimeAndByDirection(t *testing.T) {
	w, a, b, l := pair(13, LinkConfig{})
	b.echo = true
	l.SetFrom(b.host, LinkConfig{Loss: 1})
	a.send(l.Path(a.host, b.host), 10, 10)
	w.Run(time.Second)
	if len(b.got) != 10 || len(a.got) != 0 {
		t.Errorf("there %d, back %d, want 10 and 0", len(b.got), len(a.got))
	}
	l.Set(LinkConfig{MTU: 600})
	if a.caps[1].MTU != 600 {
		t.Errorf("the node was told MTU %d, want 600", a.caps[1].MTU)
	}
	l.SetWay(a.host, b.host, LinkConfig{Loss: 1})
	a.send(l.Path(a.host, b.host), 10, 10)
	w.Run(time.Second)
	if len(b.got) != 10 {
		t.Errorf("%d arrived over a way that loses all", len(b.got)-10)
	}
}
