package simnet

import (
	"errors"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A townsman has a stream to his neighbour to the right, and one from the left.
type townsman struct {
	host      *Host
	listener  *msp.Listener
	out, in   *msp.Stream
	heard     []string
	surprises int // streams nobody should have opened to him
}

func (m *townsman) wake(now time.Time) {
	for s := m.listener.Accept(); s != nil; s = m.listener.Accept() {
		if m.in != nil {
			m.surprises++
		}
		m.in = s
	}
	if m.in == nil {
		return
	}
	var buf [64]byte
	for n, err := m.in.ReadRecord(now, buf[:]); err == nil; n, err = m.in.ReadRecord(now, buf[:]) {
		m.heard = append(m.heard, string(buf[:n]))
	}
}

func (m *townsman) say(t *testing.T, text string) {
	m.host.Do(func(now time.Time, _ *node.Node) {
		if _, err := m.out.WriteRecord(now, []byte(text)); err != nil {
			t.Errorf("%s: %v", m.host.Name(), err)
		}
	})
}

// S01: a node holds all its state: two hundred in one process, each with the same port and the same
// service open, and none hears what is another's; closing one ends its own streams only.
func TestS01TwoHundredNodesInOneProcess(t *testing.T) {
	const count, street = 200, 4
	w := New(1)
	hosts := w.AddNodes("n", count, func(c *node.Config) { c.Encapsulate = nil }) // quicker
	for i := 0; i < count; i += street {
		w.Ring(LinkConfig{Latency: time.Millisecond}, hosts[i:i+street]...)
	}
	w.Run(3 * time.Second)
	town := make([]*townsman, count)
	for i, h := range hosts {
		m := &townsman{host: h}
		town[i] = m
		h.Do(func(_ time.Time, n *node.Node) {
			var err error
			if m.listener, err = n.MSP().Listen(sid.None, msp.Target{Service: "talk", Protocol: "1"}); err != nil {
				t.Fatal(err)
			}
		})
		h.OnWake = m.wake
	}
	right := func(i int) int { return i/street*street + (i+1)%street }
	for i, m := range town {
		m.host.Do(func(now time.Time, n *node.Node) {
			var err error
			m.out, err = n.MSP().Dial(now, sid.None, hosts[right(i)].SID(), msp.Target{Service: "talk", Protocol: "1"})
			if err != nil {
				t.Fatal(err)
			}
		})
		m.say(t, "from "+m.host.Name())
	}
	w.Run(2 * time.Second)
	for i, m := range town {
		next := town[right(i)]
		if len(next.heard) != 1 || next.heard[0] != "from "+m.host.Name() || next.surprises > 0 || next.in.Remote() != m.host.SID() {
			t.Fatalf("%s heard %q, %d surprises", next.host.Name(), next.heard, next.surprises)
		}
		if st := m.host.Node().MSP().Status(); st.Streams != 2 || st.Associations != 2 {
			t.Errorf("%s has %d streams in %d associations", m.host.Name(), st.Streams, st.Associations)
		}
	}

	const gone = 77
	hosts[gone].Do(func(_ time.Time, n *node.Node) { n.MSP().Leave() })
	w.Run(time.Second)
	hosts[gone].Stop()
	for i, m := range town {
		outEnds, inEnds := right(i) == gone, i == right(gone)
		if i == gone {
			continue
		}
		if m.out.Over() != outEnds || m.in.Over() != inEnds {
			t.Errorf("%s: out %v, in %v", m.host.Name(), m.out.Err(), m.in.Err())
		}
		if outEnds && !errors.Is(m.out.Err(), msp.ErrPeerRestarted) {
			t.Errorf("the stream to the one that left ended with %v", m.out.Err())
		}
		if !outEnds {
			m.say(t, "still here")
		}
	}
	w.Run(time.Second)
	for i, m := range town {
		if i != gone && i != right(gone) && (len(m.heard) != 2 || m.heard[1] != "still here") {
			t.Errorf("%s heard %q", m.host.Name(), m.heard)
		}
	}
}
