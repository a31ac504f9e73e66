package simnet

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A canary is what must not be seen on any wire.
type canary struct {
	what  string
	bytes []byte
}

// Who listens on every link of a run sees no SID, name, port, service, or byte of what is said:
// in a private mesh nowhere; in the open mesh SIDs stand in beacons and nowhere else.
func TestThreat01Passive(t *testing.T) { // spec O2.1, O4, S2, S3, D1, threat 1
	for _, key := range []*[32]byte{nil, {9}} {
		w := New(1)
		var options []NodeOption
		if key != nil {
			options = append(options, WithNetworkKey(*key))
		}
		hosts := []*Host{w.AddNode("canaryname1", options...), w.AddNode("canaryname2", options...), w.AddNode("canaryname3", options...)}
		w.Line(LinkConfig{Latency: time.Millisecond}, hosts...)
		var wires [][]byte
		w.record.watchers = append(w.record.watchers, func(_ time.Time, _ fate, _ Reason, _, _ *port, data []byte) {
			wires = append(wires, bytes.Clone(data))
		})
		if !w.RunUntilRoutesComplete(30 * time.Second) {
			t.Fatal("no routes")
		}
		const port = 0x2bcdef17
		secrets := []canary{
			{"a datagram", []byte("canary words in a datagram")},
			{"a stream", []byte("canary words in a stream")},
			{"a service", []byte("canaryservice")},
			{"a port", wire.AppendVarint(nil, port)},
		}
		say(t, w, hosts[0], hosts[2], port, secrets)
		for _, h := range hosts {
			id := h.SID()
			secrets = append(secrets, canary{"a name", []byte(h.Name())}, canary{"a SID", id[:8]}, canary{"a SID", []byte(hex.EncodeToString(id[:4]))})
		}
		if len(wires) < 100 {
			t.Fatalf("only %d packets", len(wires))
		}
		for _, packet := range wires {
			for _, c := range secrets {
				open := key == nil && c.what == "a SID" && packet[0] == wire.TypeBeacon
				if !open && bytes.Contains(packet, c.bytes) {
					t.Fatalf("private %v: %s is seen in a packet of type %x", key != nil, c.what, packet[0])
				}
			}
		}
	}
}

// say sends the datagram and the stream, which must arrive.
func say(t *testing.T, w *World, from, to *Host, port uint32, secrets []canary) {
	inbox, err := to.Node().MDP().Bind(sid.None, port)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := to.Node().MSP().Listen(sid.None, msp.Target{Service: "canaryservice"})
	if err != nil {
		t.Fatal(err)
	}
	outbox, err := from.Node().MDP().Bind(sid.None, port)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // in a handshake, and in sessions
		from.Do(func(now time.Time, _ *node.Node) {
			if err := outbox.SendTo(now, mdp.Addr{SID: to.SID(), Port: port}, secrets[0].bytes, link.Bulk); err != nil {
				t.Fatal(err)
			}
		})
		w.Run(2 * time.Second)
	}
	from.Do(func(now time.Time, n *node.Node) {
		s, err := n.MSP().Dial(now, sid.None, to.SID(), msp.Target{Service: "canaryservice"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write(now, secrets[1].bytes); err != nil {
			t.Fatal(err)
		}
	})
	w.Run(3 * time.Second)
	var buf [64]byte
	if n, _, _, _, err := inbox.Recv(buf[:]); err != nil || !bytes.Equal(buf[:n], secrets[0].bytes) {
		t.Fatalf("the datagram: %q, %v", buf[:n], err)
	}
	s := listener.Accept()
	if s == nil {
		t.Fatal("no stream")
	}
	if n, _, err := s.Read(w.Now(), buf[:]); err != nil || !bytes.Equal(buf[:n], secrets[1].bytes) {
		t.Fatalf("the stream: %q, %v", buf[:n], err)
	}
}
