package node_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A station is a node with a place on the air.
type station struct {
	*node.Node
	addr netip.AddrPort
	next time.Time // when the node wants to be called
}

// A custom loop: two nodes on a shared radio channel that is a slice in memory, with
// a clock of our own. A datagram goes from one to the other, and the echo comes back.
func Example() {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var air []*station
	for i := range byte(2) {
		n, err := node.New(now, node.Config{
			Identities: []*sid.Identity{sid.FromSeed([32]byte{i})},
			Seed:       [32]byte{100, i}, // fresh randomness in a real program
			Boot:       1,
		})
		if err != nil {
			panic(err)
		}
		n.SetInterface(now, 1, link.Caps{Name: "radio", Kind: link.Radio, MTU: 1200, Broadcast: true})
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, i + 1}), 4117)
		air = append(air, &station{Node: n, addr: addr, next: now})
	}
	alice, bob := air[0], air[1]
	socket, err := alice.MDP().Bind(sid.None, 0)
	if err != nil {
		panic(err)
	}

	batch := link.NewBatch(1<<16, 64)
	asked := false
	for range 10000 {
		// Sleep until the first of them wants to be called.
		for _, s := range air {
			if !s.next.IsZero() && s.next.Before(now) {
				s.next = now
			}
		}
		now = earliest(alice.next, bob.next)
		for _, s := range air {
			if s.next.Equal(now) {
				batch.Reset()
				s.next = s.Processing(now, batch)
				transmit(now, air, s, batch)
			}
		}
		// The application: ask once the mesh knows the way, stop when the answer is there.
		if _, err := alice.Mesh().NextHop(bob.SID()); err == nil && !asked {
			asked = socket.Ping(now, bob.SID(), []byte("are you there?")) == nil
			alice.next = now
		}
		var buf [64]byte
		if n, from, _, _, err := socket.Recv(buf[:]); err == nil {
			fmt.Printf("%s answers %q on port %d\n", from.SID.Short(), buf[:n], mdp.PortEcho)
			return
		}
	}
	fmt.Println("nobody answered")

	// Output:
	// 0c7b17fb answers "are you there?" on port 2
}

// transmit hands the batch of one station to the others that it is for.
func transmit(now time.Time, air []*station, from *station, batch *link.Batch) {
	for i := range batch.Len() {
		to, datagram := batch.Datagram(i)
		for _, s := range air {
			if s != from && (to.Everybody() || to.Addr == s.addr) {
				s.Receive(now, link.Path{Iface: 1, Addr: from.addr}, append([]byte(nil), datagram...))
				s.next = now
			}
		}
	}
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
