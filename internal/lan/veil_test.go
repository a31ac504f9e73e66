package lan

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/pion/mdns/v2"
)

// announce is what others get of the announcement of m.
func announce(m *MDNS) (e mdns.ServiceEvent) {
	name, who := m.announced()
	e.Addr = netip.MustParseAddr("192.0.2.1")
	e.Instance = mdns.ServiceInstance{Instance: name, Port: m.Port, Text: []mdns.TXTEntry{who, mdns.NewTXTString("v", mdnsVersion)}}
	return e
}

func TestAPrivateMeshAnnouncesNoName(t *testing.T) { // spec L3.6
	mesh := func(sid string, key byte) *MDNS {
		m := &MDNS{MDNSConfig: MDNSConfig{SID: strings.Repeat(sid, 32), Port: 9}}
		if key != 0 {
			m.veil = newVeil(&[32]byte{key})
		}
		return m
	}
	a := mesh("a1", 1)
	first, second := announce(a), announce(a)
	for _, e := range []mdns.ServiceEvent{first, second} {
		shown := e.Instance.Instance + string(e.Instance.Text[0].Value)
		if strings.Contains(shown, "a1a1") || len(e.Instance.Text[0].Value) > 200 {
			t.Errorf("shows %q", shown)
		}
	}
	if first.Instance.Instance == second.Instance.Instance || string(first.Instance.Text[0].Value) == string(second.Instance.Text[0].Value) {
		t.Error("two announcements have something in common")
	}
	if h, ok := mesh("b2", 1).hint(first); !ok || h.SID != a.SID {
		t.Errorf("a member reads %+v, %v", h, ok)
	}
	for _, m := range []*MDNS{mesh("b2", 2), mesh("b2", 0)} {
		if h, ok := m.hint(first); ok {
			t.Errorf("a stranger reads %+v", h)
		}
	}
	if _, ok := mesh("b2", 1).hint(announce(mesh("c3", 0))); ok {
		t.Error("a member believes what is not sealed")
	}
	if h, ok := mesh("b2", 0).hint(announce(mesh("c3", 0))); !ok || h.SID != strings.Repeat("c3", 32) {
		t.Errorf("in the open: %+v, %v", h, ok)
	}
}

func FuzzSealedSID(f *testing.F) {
	v := newVeil(&[32]byte{1})
	f.Add(v.seal(strings.Repeat("a1", 32)))
	f.Fuzz(func(t *testing.T, sealed string) { v.open(sealed) })
}
