package simnet

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda/agendatest"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A tap is a node whose inputs are remembered, to be given to another like it.
type tap struct {
	*node.Node
	inputs []input
}

type input struct {
	at time.Time
	do func(now time.Time, n *node.Node)
}

// use gives the node an input and remembers it.
func (p *tap) use(now time.Time, do func(time.Time, *node.Node)) {
	p.inputs = append(p.inputs, input{now, do})
	do(now, p.Node)
}

func (p *tap) Receive(now time.Time, from link.Path, datagram []byte) {
	kept := string(datagram)
	p.use(now, func(now time.Time, n *node.Node) { n.Receive(now, from, []byte(kept)) })
}

func (p *tap) SetInterface(now time.Time, iface uint32, caps link.Caps) {
	p.use(now, func(now time.Time, n *node.Node) { n.SetInterface(now, iface, caps) })
}

func (p *tap) RemoveInterface(now time.Time, iface uint32) {
	p.use(now, func(now time.Time, n *node.Node) { n.RemoveInterface(now, iface) })
}

func tappedNode(t *testing.T) *node.Node {
	t.Helper()
	n, err := node.New(Epoch, node.Config{
		Identities: []*sid.Identity{sid.FromSeed([32]byte{'t', 'a', 'p'})}, Name: "tap", Seed: [32]byte{1}, Boot: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestNodeIsHonest: law 3 for a whole node. A node lives through a troubled time
// in a mesh, with datagrams and a stream; then another of the same seed is given
// the same inputs at the same times, but is called far more often than it asked for.
func TestNodeIsHonest(t *testing.T) {
	for seed := range uint64(10) {
		inputs := liveThroughTrouble(t, seed)
		n, batch, output := tappedNode(t), link.NewBatch(1<<18, 256), 0
		machine := agendatest.Machine{
			Processing: func(now time.Time) time.Time {
				batch.Reset()
				next := n.Processing(now, batch)
				for i := range batch.Len() {
					_, data := batch.Datagram(i)
					output += 1 + len(data)
				}
				return next
			},
			Output: func() int { return output },
		}
		steps, last := []agendatest.Step{}, Epoch
		for _, in := range inputs {
			steps = append(steps, agendatest.Step{After: in.at.Sub(last), Do: func(now time.Time) { in.do(now, n) }})
			last = in.at
		}
		agendatest.Honest(t, machine, Epoch, append(steps, agendatest.Step{After: 5 * time.Second})...)
	}
}

// liveThroughTrouble gives the inputs of a node in a small world.
func liveThroughTrouble(t *testing.T, seed uint64) []input {
	w := New(seed)
	p := &tap{Node: tappedNode(t)}
	h := w.AddMachine("tap", func(time.Time, uint32) Machine { return p })
	far := w.AddNodes("n", 3)
	cfg := LinkConfig{Latency: 2 * time.Millisecond, Jitter: 3 * time.Millisecond, Loss: 0.1, Duplicate: 0.05, Reorder: 0.05, Corrupt: 0.02}
	w.Line(cfg, far...)
	hall := w.LAN("hall", cfg, h, far[0])
	side := w.Link(h, far[1], cfg)
	if _, err := far[2].Node().MSP().Listen(sid.None, msp.Target{Port: 80}); err != nil {
		t.Fatal(err)
	}
	use := func(at time.Duration, do func(now time.Time, n *node.Node)) {
		w.At(Epoch.Add(at), func() {
			p.use(w.Now(), do)
			h.Wake()
		})
	}
	for i := range 20 {
		use(2*time.Second+time.Duration(i)*100*time.Millisecond, func(now time.Time, n *node.Node) {
			if s, err := n.MDP().Bind(sid.None, 0); err == nil {
				_ = s.SendTo(now, mdp.Addr{SID: far[i%3].SID(), Port: 99}, make([]byte, 50*i), link.Interactive)
				s.Close()
			}
		})
	}
	use(3*time.Second, func(now time.Time, n *node.Node) {
		if s, err := n.MSP().Dial(now, sid.None, far[2].SID(), msp.Target{Port: 80}); err == nil {
			_, _ = s.Write(now, make([]byte, 20_000))
			_ = s.CloseWrite(now)
		}
	})
	w.After(4*time.Second, hall.Down)
	w.After(5*time.Second, func() { far[1].Restart(true) })
	w.After(6*time.Second, func() { side.Unplug(h) })
	w.After(7*time.Second, hall.Up)
	w.Run(9 * time.Second)
	return p.inputs
}
