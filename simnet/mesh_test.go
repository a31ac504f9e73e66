package simnet

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
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

var long = flag.Bool("long", false, "ping all pairs of the mesh of 200, over links that lose packets")

// TestRandomMeshOf200ConvergesAndEveryPairCanPing: routes among 200 nodes are
// complete in seconds, following the next hops from anywhere to anywhere takes
// no way twice, and pairs can ping, which needs both directions. A ping costs a
// handshake of the two ends, half a millisecond each: without -long every node
// pings only those 1, 2, 4, … 128 places after it, and links lose nothing.
func TestRandomMeshOf200ConvergesAndEveryPairCanPing(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	const nodes = 200
	w := New(200)
	hosts := w.AddNodes("n", nodes)
	cfg := LinkConfig{Latency: 2 * time.Millisecond, Jitter: time.Millisecond}
	if *long {
		cfg.Loss = 0.01
	}
	w.Random(cfg, 3, hosts...)
	if !w.RunUntilRoutesComplete(time.Minute) {
		t.Fatal("routes are not complete after a minute")
	}
	t.Logf("routes complete after %v, %d packet events", w.Elapsed(), w.Events())
	walkAll(t, hosts)
	distances := []int{1, 2, 4, 8, 16, 32, 64, 128}
	if *long {
		distances = distances[:0]
		for d := 1; d <= nodes/2; d++ {
			distances = append(distances, d)
		}
	}
	pingers := make([]*pinger, nodes)
	for i, h := range hosts {
		pingers[i] = newPinger(t, h)
	}
	for range 5 {
		if pingAll(w, pingers, distances) == 0 {
			return
		}
		w.Run(300 * time.Millisecond)
	}
	t.Error("not every pair could ping")
}

// pingAll lets each ping those at the given distances that did not answer
// before, and tells how many there were.
func pingAll(w *World, pingers []*pinger, distances []int) (missing int) {
	for _, distance := range distances {
		for i, p := range pingers {
			if j := (i + distance) % len(pingers); !p.answered[uint32(j)] {
				missing++
				p.ping(pingers[j].host, j)
			}
		}
		w.Run(10 * time.Millisecond)
	}
	return missing
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

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// TestSameSeedSameDigest: law 10. The golden file holds other architectures
// (386) to the same history. When the protocol changed on purpose:
// go test ./simnet -run SameSeedSameDigest -rewrite
func TestSameSeedSameDigest(t *testing.T) {
	digest := func(seed uint64) string { return fmt.Sprintf("%x\n", smallMesh(seed).Digest()) }
	one := digest(1)
	if two := digest(1); one != two {
		t.Errorf("the same seed gave %s and %s", one, two)
	}
	if other := digest(2); one == other {
		t.Error("two seeds gave one history")
	}
	const file = "testdata/digest.golden"
	if *rewrite {
		if err := os.WriteFile(file, []byte(one), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if one != string(golden) {
		t.Errorf("digest %swas %sif the protocol changed on purpose, run again with -rewrite", one, golden)
	}
}
