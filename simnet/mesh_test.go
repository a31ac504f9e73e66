package simnet

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A pinger is a host's end of a test that pings.
type pinger struct {
	host     *Host
	socket   *mdp.Socket
	answered map[uint32]bool // by the number of the host that was asked
}

func newPinger(t testing.TB, h *Host) *pinger {
	t.Helper()
	socket, err := h.Node().MDP().Bind(sid.None, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &pinger{host: h, socket: socket, answered: map[uint32]bool{}}
	h.OnWake = p.wake
	return p
}

func (p *pinger) wake(time.Time) {
	var buf [64]byte
	for p.socket.Pending() > 0 {
		if n, _, _, _, err := p.socket.Recv(buf[:]); err == nil && n == 4 {
			p.answered[binary.BigEndian.Uint32(buf[:])] = true
		}
	}
}

// ping asks the host of that number for an echo.
func (p *pinger) ping(to *Host, number int) {
	p.host.Do(func(now time.Time, n *node.Node) {
		_ = p.socket.Ping(now, to.SID(), binary.BigEndian.AppendUint32(nil, uint32(number)))
	})
}

// TestRandomMeshOf200ConvergesAndEveryPairCanPing: routes among 200 nodes are
// complete in seconds, following the next hops from anywhere to anywhere takes
// no way twice, and every pair can ping, which needs both directions.
func TestRandomMeshOf200ConvergesAndEveryPairCanPing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	const nodes = 200
	w := New(200)
	hosts := w.AddNodes("n", nodes)
	w.Random(LinkConfig{Latency: 2 * time.Millisecond, Jitter: time.Millisecond, Loss: 0.01}, 4, hosts...)
	ticks := 0
	complete := func() bool {
		ticks++
		return ticks%1000 == 0 && w.RoutesComplete()
	}
	start := time.Now()
	if !w.RunUntil(complete, time.Minute) {
		t.Fatal("routes are not complete after a minute")
	}
	t.Logf("routes complete after %v, %d events, in %v", w.Elapsed(), w.Events(), time.Since(start))
	walkAll(t, hosts)

	pingers := make([]*pinger, nodes)
	for i, h := range hosts {
		pingers[i] = newPinger(t, h)
	}
	start = time.Now()
	for round := range 5 {
		missing := 0
		for distance := 1; distance < nodes; distance++ {
			for i, p := range pingers[:nodes-distance] {
				if j := i + distance; !p.answered[uint32(j)] {
					missing++
					p.ping(hosts[j], j)
				}
			}
			w.Run(10 * time.Millisecond)
		}
		t.Logf("round %d: %d pairs not answered before, %v real time", round, missing, time.Since(start))
		if w.Run(2 * time.Second); missing == 0 {
			return
		}
	}
	t.Error("not every pair could ping")
}

// walkAll follows the next hops from every host to every other.
func walkAll(t *testing.T, hosts []*Host) {
	t.Helper()
	bySID := map[sid.SID]*Host{}
	for _, h := range hosts {
		bySID[h.SID()] = h
	}
	for _, from := range hosts {
		for _, to := range hosts {
			at, hops := from, 0
			for ; at != to; hops++ {
				hop, err := at.Node().Mesh().NextHop(to.SID())
				if err != nil || hops == len(hosts) {
					t.Fatalf("from %s to %s: at %s after %d hops: %v", from.name, to.name, at.name, hops, err)
				}
				at = bySID[hop.SID]
			}
		}
	}
}

// smallMesh is a little mesh with trouble and traffic, run for some seconds.
func smallMesh(seed uint64) *World {
	w := New(seed)
	hosts := w.AddNodes("n", 6)
	links := w.Ring(LinkConfig{
		Latency: 3 * time.Millisecond, Jitter: 4 * time.Millisecond, Loss: 0.05, Duplicate: 0.02, Reorder: 0.05, Corrupt: 0.01,
	}, hosts...)
	w.LAN("hall", LinkConfig{Latency: time.Millisecond, Rate: 10_000_000}, hosts[0], hosts[2], hosts[4])
	w.After(4*time.Second, links[1].Down)
	w.After(6*time.Second, links[1].Up)
	w.After(7*time.Second, func() { hosts[3].Restart(true) })
	for i := range 100 {
		w.After(2*time.Second+time.Duration(i)*70*time.Millisecond, func() {
			hosts[1].Do(func(now time.Time, n *node.Node) {
				if s, err := n.MDP().Bind(sid.None, 0); err == nil {
					_ = s.SendTo(now, mdp.Addr{SID: hosts[4].SID(), Port: 99}, make([]byte, 100+i), link.Bulk)
					s.Close()
				}
			})
		})
	}
	w.Run(10 * time.Second)
	return w
}

// TestSameSeedSameDigest: law 10. The constant is compared so that other
// architectures (386) are held to the same history.
func TestSameSeedSameDigest(t *testing.T) {
	digest := func(seed uint64) string {
		sum := smallMesh(seed).Digest()
		return fmt.Sprintf("%x", sum[:8])
	}
	one := digest(1)
	if two := digest(1); one != two {
		t.Errorf("the same seed gave %s and %s", one, two)
	}
	if other := digest(2); one == other {
		t.Error("two seeds gave one history")
	}
	if one != goldenDigest {
		t.Errorf("digest %s, was %s: if the protocol changed on purpose, so does this constant", one, goldenDigest)
	}
}

const goldenDigest = "0000000000000000"
