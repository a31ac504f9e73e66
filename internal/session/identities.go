package session

import (
	"slices"

	"github.com/caracal-mesh/caracal/sid"
)

// AddIdentity makes id one of ours. There must be no Peer with it as the remote.
func (t *Table) AddIdentity(id *sid.Identity) {
	if t.ours(id.SID()) {
		panic("BUG: an identity added twice")
	}
	t.locals = append(t.locals, newLocal(id, t.network))
}

// RemoveIdentity forgets the key of an identity of ours. Its Peers must have been
// forgotten before (spec I6.6).
func (t *Table) RemoveIdentity(s sid.SID) {
	t.locals = slices.DeleteFunc(t.locals, func(l *local) bool {
		if l.sid != s {
			return false
		}
		*l = local{}
		return true
	})
}
