package simnet

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// Who comes late to a LAN whose nodes say little by then is everybody's neighbour there at once, and not taken for somebody beyond it.
func TestALatecomerIsOfTheLANAtOnce(t *testing.T) { // spec O2.2, O3.2
	w := New(1)
	hosts := w.AddNodes("n", 4)
	hall := w.LAN("hall", LinkConfig{Latency: time.Millisecond}, hosts...)
	w.Run(time.Minute)
	late := w.AddNode("late")
	hall.Attach(late)
	w.Run(1500 * time.Millisecond)
	for _, h := range hosts {
		if hop, err := late.Node().Mesh().NextHop(h.SID()); err != nil || hop.SID != h.SID() || hop.Kind != link.LAN {
			t.Errorf("to %s: %+v, %v", h.Name(), hop, err)
		}
		if hop, err := h.Node().Mesh().NextHop(late.SID()); err != nil || hop.SID != late.SID() || hop.Kind != link.LAN {
			t.Errorf("from %s: %+v, %v", h.Name(), hop, err)
		}
	}
}
