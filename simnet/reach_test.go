package simnet

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/nat"
	"github.com/caracal-mesh/caracal/node"
)

// A network behind a NAT, none, and one that lets nothing out: the three results come as events, when things change and when they are asked for
// (spec N1.10).
func TestL41ReachIsToldAndLookedAtAgain(t *testing.T) {
	var told []string
	w := New(3)
	relay := w.AddNode("relay")
	net := w.Internet("net", LinkConfig{Latency: 10 * time.Millisecond}, 6, relay)
	h := w.AddNode("a", WithTrace(func(e trace.Event) {
		if e.Kind == trace.Note && strings.HasPrefix(e.Reason, "reach-") {
			told = append(told, strings.TrimPrefix(e.Reason, "reach-"))
		}
	}))
	expect := func(what string, within time.Duration, want ...string) {
		t.Helper()
		w.RunUntil(func() bool { return len(told) >= len(want) }, within)
		if !slices.Equal(told, want) {
			t.Errorf("%s: told %q, want %q", what, told, want)
		}
		told = nil
	}
	h.Do(func(now time.Time, n *node.Node) { n.AddPeer(now, net.Beyond(relay)) })
	h.Wake()
	expect("without an interface", time.Second, "no-link")
	lan := w.LAN("lan", LinkConfig{}, h)
	router := w.NAT("router", lan, net, NATConfig{Conntrack: true})
	expect("behind a NAT", 5*time.Second, "ok")
	recheck := func() { h.Do(func(now time.Time, n *node.Node) { n.NAT().Recheck(now) }) }
	recheck()
	expect("asked for again", 5*time.Second, "ok")
	router.Set(NATConfig{Blocked: true})
	expect("the router lets nothing out any more", time.Minute, "captive")
	recheck()
	expect("asked for again", 11*time.Second, "captive")
	if st := h.Node().NAT().Status(); st.Reach != nat.ReachCaptive {
		t.Errorf("the status says %q", st.Reach)
	}
	router.Set(NATConfig{Conntrack: true})
	expect("the login is done", time.Minute, "ok")
	lan.Unplug(h)
	expect("the cable is pulled", time.Second, "no-link")
}
