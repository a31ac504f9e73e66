package node_test

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/sid"
)

// spec M9.4: the queue of a link is shorter than a window; who fills it goes on when it is
// sent, not a millisecond later.
func TestAFullQueueDoesNotCostTime(t *testing.T) {
	b := newBench(t)
	if !b.echo() {
		t.Fatal("the nodes do not talk")
	}
	l, err := b.nodes[1].MSP().Listen(sid.None, msp.Target{Port: 5})
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.nodes[0].MSP().Dial(b.now, sid.None, b.nodes[1].SID(), msp.Target{Port: 5})
	if err != nil {
		t.Fatal(err)
	}
	const total = 16 << 20
	buf := make([]byte, 1<<20)
	wrote, read, start := 0, 0, b.now
	var in *msp.Stream
	for read < total && b.now.Sub(start) < 10*time.Second {
		n, _ := out.Write(b.now, buf[:min(len(buf), total-wrote)])
		wrote += n
		b.next[0] = b.now
		b.run(100 * time.Microsecond)
		if in == nil {
			in = l.Accept()
		}
		for in != nil {
			n, _, err := in.Read(b.now, buf)
			if err != nil {
				break
			}
			read += n
		}
		b.next[1] = b.now
	}
	if took, busy := b.now.Sub(start), b.nodes[0].MSP().Status().Busy; busy == 0 || took > 15*time.Millisecond {
		t.Errorf("%d of %d bytes took %v; refused %d times", read, total, took, busy)
	}
}
