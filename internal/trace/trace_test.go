package trace

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

func TestTheTextOfAnEventIsStable(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	path := link.Path{Iface: 2, Addr: netip.MustParseAddrPort("10.0.0.1:4117")}
	node, peer, dst := sid.SID{0xa1, 0xb2, 0xc3, 0xd4}, sid.SID{0x0b, 0xad, 0xca, 0xfe}, sid.SID{0xde, 0xad, 0xbe, 0xef}
	for _, test := range []struct {
		event Event
		want  string
	}{
		{
			Event{At: start.Add(12*time.Second + 250*time.Microsecond), Kind: PacketDropped, Node: node, Peer: peer, Dst: dst, Path: path, Size: 91, Reason: "no-route"},
			"12.000250 a1b2c3d4 dropped peer=0badcafe dst=deadbeef via=2/10.0.0.1:4117 size=91 no-route",
		},
		{Event{At: start, Kind: NeighbourUp, Node: node, Peer: peer, Path: path}, "0.000000 a1b2c3d4 neighbour-up peer=0badcafe via=2/10.0.0.1:4117"},
		{Event{At: start, Kind: PacketSent, Path: link.Path{Iface: 3}, Size: 8}, "0.000000 sent via=3/* size=8"},
		{Event{At: start.Add(-1500 * time.Millisecond), Kind: Note, Reason: "before"}, "-1.500000 note before"},
		{Event{At: start, Kind: 200}, "0.000000 kind-200"},
	} {
		if got := string(test.event.Append(nil, start)); got != test.want {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
	}
}

func TestEveryKindHasAName(t *testing.T) {
	for k := PacketSent; k <= Note; k++ {
		if strings.HasPrefix(k.String(), "kind-") {
			t.Errorf("kind %d has no name", k)
		}
	}
}

func TestTheNilSinkTakesNothing(t *testing.T) {
	Sink(nil).Emit(Event{})
	var got []Event
	Sink(func(e Event) { got = append(got, e) }).Emit(Event{Kind: Note})
	if len(got) != 1 || got[0].Kind != Note {
		t.Errorf("sink got %v", got)
	}
}
