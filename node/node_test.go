package node

import (
	"strings"
	"testing"
	"time"

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
