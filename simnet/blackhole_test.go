package simnet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// TestThreat11NodesThatDropAreAvoided: in a mesh where one in ten takes part in everything and carries nothing, nearly all pings
// of pairs that an honest way joins are answered, after some seconds in which each finds out.
func TestThreat11NodesThatDropAreAvoided(t *testing.T) { // spec O15, D8
	t.Parallel()
	const nodes = 40
	w := New(5)
	var honest, all []*Host
	for i := range nodes {
		name := fmt.Sprintf("n-%d", i)
		if i%10 == 5 {
			all = append(all, w.AddNode(name, swallowing(newDice(5, name), 1, &w.swallowed)))
			continue
		}
		honest = append(honest, w.AddNode(name))
		all = append(all, honest[len(honest)-1])
	}
	w.Random(LinkConfig{Latency: 5 * time.Millisecond}, 5, all...)
	if !w.RunUntilRoutesComplete(10 * time.Second) {
		t.Fatal("no routes")
	}
	type talk struct {
		from *Host
		k    *mdp.Socket
		to   sid.SID
	}
	var talks []talk
	for i, h := range honest {
		for _, far := range []int{7, 13, 19} {
			to := honest[(i+far)%len(honest)]
			h.Do(func(_ time.Time, n *node.Node) {
				k, err := n.MDP().Bind(sid.None, 0)
				if err != nil {
					t.Fatal(err)
				}
				talks = append(talks, talk{h, k, to.SID()})
			})
		}
	}
	round := func(seconds int) (answered int) {
		for range 10 * seconds {
			for _, x := range talks {
				x.from.Do(func(now time.Time, _ *node.Node) { _ = x.k.Ping(now, x.to, []byte("ping")) })
			}
			w.Run(100 * time.Millisecond)
			for _, x := range talks {
				for buf := make([]byte, 100); x.k.Pending() > 0; answered++ {
					if _, _, _, _, err := x.k.Recv(buf); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		return answered
	}
	first := round(6)
	late := round(4)
	sent := 40 * len(talks)
	var kept, tried uint64
	for _, h := range honest {
		tried += h.Node().Mesh().Stats().DetoursTried
		kept += h.Node().Mesh().Stats().DetoursKept
	}
	t.Logf("%d talks: %.1f %% in the first 6 s, %.1f %% after; %d ways tried, %d kept", len(talks),
		100*float64(first)/float64(60*len(talks)), 100*float64(late)/float64(sent), tried, kept)
	var doc Result
	if doc.count(w); !strings.Contains(doc.Text(0), thousands(w.swallowed)+" swallowed by hostile nodes") || w.swallowed == 0 {
		t.Errorf("the report does not tell what was swallowed: %s", doc.Text(0))
	}
	if float64(late) < 0.99*float64(sent) || tried == 0 {
		t.Errorf("%d of %d answered", late, sent)
	}
}
