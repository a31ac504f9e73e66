package node

import (
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

func TestNewRefusesWhatCannotBeANode(t *testing.T) {
	now := time.Unix(1767225600, 0)
	if _, err := New(now, Config{}); err != ErrNoIdentity {
		t.Errorf("without identity: %v, want ErrNoIdentity", err)
	}
	id := sid.FromSeed([32]byte{1})
	if _, err := New(now, Config{Identities: []*sid.Identity{id}, Name: strings.Repeat("n", MaxName+1)}); err != ErrName {
		t.Errorf("with a name of %d bytes: %v, want ErrName", MaxName+1, err)
	}
}

func TestDeriveGivesEachFloorItsOwnSeed(t *testing.T) {
	seed := [32]byte{7}
	if derive(seed, "overlay") == derive(seed, "mdp") {
		t.Error("two floors share a seed")
	}
	if derive(seed, "mdp") == derive([32]byte{8}, "mdp") {
		t.Error("two nodes' seeds give a floor the same")
	}
}

// A node without a boot number gets another with every seed, and never 0, which would
// mean unknown.
func TestBootNumberIsNeverUnknown(t *testing.T) {
	boots := map[uint32]bool{}
	for i := range byte(100) {
		boots[deriveBoot([32]byte{i})] = true
	}
	if len(boots) != 100 || boots[0] {
		t.Errorf("%d different numbers of 100; 0: %v", len(boots), boots[0])
	}
	n, err := New(time.Unix(1767225600, 0), Config{Identities: []*sid.Identity{sid.FromSeed([32]byte{1})}})
	if err != nil {
		t.Fatal(err)
	}
	n.SetInterface(time.Unix(1767225600, 0), 1, link.Caps{MTU: 1472, Broadcast: true})
	out := link.NewBatch(1<<16, 16)
	n.Processing(time.Unix(1767225600, 0), out)
	for i := range out.Len() {
		_, datagram := out.Datagram(i)
		if b, err := wire.ParseBeacon(datagram); err != nil || b.Boot == 0 {
			t.Errorf("beacon %+v, %v", b, err)
		}
	}
	if out.Len() == 0 {
		t.Error("no beacon")
	}
}
