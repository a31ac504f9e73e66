package node

import (
	"errors"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

var (
	// ErrPrimary: a node cannot do without its primary identity.
	ErrPrimary = errors.New("node: its primary identity cannot be taken away")
	// ErrNotOurs: no identity of this node.
	ErrNotOurs = errors.New("node: not an identity of this node")
)

// Identities are the node's SIDs, primary first.
func (n *Node) Identities() []sid.SID { return sids(n.ids) }

// AddIdentity lets the node also live under id, at once (spec I6.6). The node owns it from then on. One
// that it has already is left as it is. Errors: ErrIdentities, overlay.ErrManyIdentities, overlay.ErrElsewhere.
func (n *Node) AddIdentity(now time.Time, id *sid.Identity) error {
	switch {
	case slices.Contains(n.Identities(), id.SID()):
		return nil
	case len(n.ids) >= overlay.MaxIdentities:
		return ErrIdentities
	}
	if err := n.mesh.AddIdentity(now, id); err != nil {
		return err
	}
	n.mdp.AddIdentity(now, id)
	n.msp.AddIdentity(now, id.SID())
	n.ids = append(n.ids, id)
	return nil
}

// RemoveIdentity ends the node's life under s, and overwrites the secrets: streams and listeners of
// s end with msp.ErrRemoved, sockets with mdp.ErrRemoved (spec I6.6). Errors: ErrPrimary, ErrNotOurs.
func (n *Node) RemoveIdentity(now time.Time, s sid.SID) error {
	at := slices.Index(n.Identities(), s)
	switch at {
	case -1:
		return ErrNotOurs
	case 0:
		return ErrPrimary
	}
	n.msp.RemoveIdentity(now, s) // top to bottom: farewells are sealed with the keys
	n.mdp.RemoveIdentity(now, s)
	n.mesh.RemoveIdentity(now, s)
	n.ids[at].Erase()
	n.ids = slices.Delete(n.ids, at, at+1)
	return nil
}
