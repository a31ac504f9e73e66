package kadnet

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/kad"
	"github.com/caracal-mesh/caracal/sid"
	"github.com/caracal-mesh/caracal/simnet"
)

func keyOfSID(s sid.SID) kad.ID { return blake2s.Sum256(append([]byte("loc1"), s[:]...)) }

// TestR12Areas: areas of real nodes in one world, each with a gateway that keeps the records of all members it knows
// of in the table of the gateways, and finds those of others there. (routing-nat-security R12)
func TestR12Areas(t *testing.T) {
	areas, each := 6, 8
	if *long {
		areas, each = 100, 100
	}
	members := liveAreas(t, areas, each)
	w := newWorld(Config{Seed: 1, Nodes: areas, RTT: 100 * time.Millisecond, Loss: 0.01, Measure: time.Minute})
	w.populate()
	w.tally = tally{on: true, began: w.now, counted: w.now}
	for a, h := range w.living {
		for i, s := range members[a] {
			key := keyOfSID(s)
			w.members[key] = true
			w.at(time.Duration(i)*3*time.Second, func() {
				h.node.Publish(w.now, &kad.Record{Key: key, Seq: 1, Body: body})
				w.wakes.Set(&h.wake, w.now)
			})
		}
	}
	w.run(time.Duration(each)*3*time.Second + 10*time.Second)
	w.count()
	perMember := float64(w.tally.bytes) / float64(areas*each) / kad.PublishEvery.Seconds()
	r := rand.New(rand.NewPCG(1, 1))
	var looks []*kad.Lookup
	for range 40 * areas {
		from, to := r.IntN(areas), r.IntN(areas)
		if from == to {
			continue
		}
		looks = append(looks, w.living[from].node.Look(w.now, keyOfSID(members[to][r.IntN(each)])))
		w.wakes.Set(&w.living[from].wake, w.now)
		w.run(100 * time.Millisecond)
	}
	w.run(5 * time.Second)
	found := 0
	var took []time.Duration
	for _, l := range looks {
		if l.Done && l.Newest != nil {
			found++
		}
		took = append(took, l.Ended.Sub(l.Began))
	}
	slices.Sort(took)
	p95 := took[len(took)*95/100]
	t.Logf("%d of %d found, p95 %v; records renewed each %v cost %.0f B/s per member", found, len(looks), p95, kad.PublishEvery, perMember)
	if found*100 < 99*len(looks) || p95 > 1500*time.Millisecond || perMember > 200 {
		t.Errorf("%d of %d found, p95 %v, %.0f B/s per member", found, len(looks), p95, perMember)
	}
}

// liveAreas runs areas of real nodes until each knows all of its own, and tells whom the first of each area knows.
func liveAreas(t *testing.T, areas, each int) (members [][]sid.SID) {
	w := simnet.New(1)
	began := time.Now()
	var doors []*simnet.Host
	for a := range areas {
		hosts := w.AddNodes(fmt.Sprint("area", a), each)
		w.Random(simnet.LinkConfig{Latency: 5 * time.Millisecond}, 4, hosts...)
		doors = append(doors, hosts[0])
	}
	w.Run(20 * time.Second)
	started := time.Since(began)
	began = time.Now()
	w.Run(30 * time.Second)
	idle := time.Since(began)
	for _, d := range doors {
		var sids []sid.SID
		for _, n := range d.Node().Mesh().Nodes() {
			sids = append(sids, n.SID)
		}
		if len(sids) != each {
			t.Fatalf("a gateway knows %d of %d", len(sids), each)
		}
		members = append(members, sids)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	runtime.KeepAlive(w)
	t.Logf("%d nodes in %d areas: 20 s of start in %.1f s; 30 s idle in %.2f s, %.0f times real time; %.0f KiB each",
		areas*each, areas, started.Seconds(), idle.Seconds(), 30/idle.Seconds(), float64(m.HeapAlloc)/1024/float64(areas*each))
	return members
}
