package overlay

import (
	"errors"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

var (
	// ErrManyIdentities: there are MaxIdentities already, or the mesh is full.
	ErrManyIdentities = errors.New("overlay: no room for another identity")
	// ErrElsewhere: a neighbour of ours runs under that identity.
	ErrElsewhere = errors.New("overlay: a neighbour has that identity")
)

// AddIdentity announces id as a stub of ours (spec I6.6, O7.7). One that is ours already is left
// as it is. Errors: ErrManyIdentities, ErrElsewhere.
func (m *Mesh) AddIdentity(now time.Time, id *sid.Identity) error {
	s := id.SID()
	switch {
	case m.isOurs(s):
		return nil
	case m.bySID[s] != nil:
		return ErrElsewhere
	case len(m.cfg.Identities) >= MaxIdentities || m.ownOrigin(now, s) == nil:
		return ErrManyIdentities
	}
	m.cfg.Identities = append(m.cfg.Identities, id)
	m.publishStub(now, len(m.cfg.Identities)-1)
	m.signSoon(now, true)
	return nil
}

// RemoveIdentity takes back what AddIdentity announced. The primary stays.
func (m *Mesh) RemoveIdentity(now time.Time, s sid.SID) {
	at := slices.IndexFunc(m.cfg.Identities, func(id *sid.Identity) bool { return id.SID() == s })
	if at <= 0 {
		return
	}
	m.publish(now, at, &wire.LinkState{Flags: wire.LinkStateStub, SID: s})
	m.cfg.Identities = slices.Delete(m.cfg.Identities, at, at+1)
	for _, id := range m.cfg.Identities[at:] {
		m.db.bySID(id.SID()).local--
	}
	o := m.db.bySID(s)
	o.local, o.expires = -1, m.moment(now.Add(lifetime))
	m.db.next = agenda.Soonest(m.db.next, m.timeOf(o.expires))
	m.signSoon(now, true)
}

// publishStub signs the link state of an identity which is not the primary (spec O7.7).
func (m *Mesh) publishStub(now time.Time, which int) {
	w := wire.LinkState{Flags: wire.LinkStateStub, SID: m.cfg.Identities[which].SID()}
	w.Links = []wire.Link{{NID: m.nid, Cost: stubCost, MTU: maxDatagram, Kind: uint8(link.LAN)}}
	m.publish(now, which, &w)
}
