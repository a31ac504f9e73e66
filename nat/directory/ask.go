package directory

import (
	"net/netip"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// A Found is what a lookup brought.
type Found struct {
	SID     sid.SID
	Seen    netip.AddrPort // where the node asked sees it; not valid when it is no neighbour there
	Profile Profile
}

// An Ask is a question under way.
type Ask struct {
	d      *Directory
	at     sid.SID
	m      wire.DirectoryMessage
	tries  int
	next   time.Time
	done   bool
	err    error
	found  Found
	sids   []sid.SID
	whole  bool
	parts  int
	gotten [8]bool
}

// Done reports whether it was answered, or given up.
func (a *Ask) Done() bool { return a.done }

// Err is ErrNoAnswer or ErrUnknownPeer when it failed.
func (a *Ask) Err() error { return a.err }

// Found is the answer to a lookup.
func (a *Ask) Found() Found { return a.found }

// Search is the answer to a search: at most 100 nodes, and whether these are all.
func (a *Ask) Search() (sids []sid.SID, complete bool) { return a.sids, a.whole }

// Lookup asks the node at about a SID. We must be registered there. Errors: ErrBusy.
func (d *Directory) Lookup(now time.Time, at, about sid.SID) (*Ask, error) {
	return d.ask(now, at, wire.DirectoryMessage{Type: wire.DirectoryLookup, SID: about})
}

// Search asks the node at who has all the words; no words: everybody. We must be registered there. Errors: ErrBusy, ErrTooLong.
func (d *Directory) Search(now time.Time, at sid.SID, text string) (*Ask, error) {
	if len(text) > wire.MaxSearch {
		return nil, ErrTooLong
	}
	return d.ask(now, at, wire.DirectoryMessage{Type: wire.DirectorySearch, Text: []byte(text)})
}

func (d *Directory) ask(now time.Time, at sid.SID, m wire.DirectoryMessage) (*Ask, error) {
	if len(d.asks) >= maxAsks {
		return nil, ErrBusy
	}
	m.Tx = d.rand.Uint64()
	a := &Ask{d: d, at: at, m: m, next: now}
	d.asks = append(d.asks, a)
	return a, nil
}

// pause is how long the answer to the try is waited for.
func pause(try int) time.Duration {
	d := askFirst
	for range try {
		d += d / 2
	}
	return d
}

func (a *Ask) processing(now time.Time) {
	if !agenda.Due(now, a.next) {
		return
	}
	if a.tries == askTries {
		a.done, a.err, a.next = true, ErrNoAnswer, time.Time{}
		return
	}
	_ = a.d.cfg.Send(now, a.at, wire.AppendDirectory(nil, &a.m)) // it is repeated
	a.next = now.Add(pause(a.tries))
	a.tries++
}

// answered takes an answer: of the node asked, to a question under way.
func (d *Directory) answered(now time.Time, from sid.SID, m *wire.DirectoryMessage) {
	if m.Type == wire.DirectoryRegistered {
		for _, l := range d.mine {
			if l.at == from && l.tx == m.Tx {
				l.granted(now, m)
			}
		}
		return
	}
	for _, a := range d.asks {
		if a.at != from || a.m.Tx != m.Tx || a.done || m.Type != a.m.Type+1 {
			continue
		}
		if m.Type == wire.DirectoryResult {
			a.part(m)
			return
		}
		if m.SID != a.m.SID {
			return
		}
		a.done, a.next = true, time.Time{}
		if a.found = (Found{m.SID, m.Seen, profileOf(m.Profile)}); !m.Yes {
			a.err = ErrUnknownPeer
		}
	}
}

// part takes one message of a search's answer.
func (a *Ask) part(m *wire.DirectoryMessage) {
	if m.Parts == 0 || int(m.Parts) > len(a.gotten) || m.Part >= m.Parts || a.gotten[m.Part] {
		return
	}
	a.gotten[m.Part], a.whole = true, m.Yes
	a.sids = append(a.sids, m.SIDs...)
	if a.parts++; a.parts == int(m.Parts) {
		slices.SortFunc(a.sids, sid.SID.Compare)
		a.done, a.next = true, time.Time{}
	}
}

// A Lease is our registration at one node, renewed until it is closed.
type Lease struct {
	d       *Directory
	at      sid.SID
	profile []wire.Attribute
	tx      uint64
	tries   int
	next    time.Time
	until   time.Time // zero: not registered yet
	seen    netip.AddrPort
	closed  bool
}

// Register has us found at a node, until Close; one who is registered there already tells another profile. Errors: ErrTooLong, ErrBusy.
func (d *Directory) Register(now time.Time, at sid.SID, p Profile) (*Lease, error) {
	list, err := p.attributes()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(d.mine, func(l *Lease) bool { return l.at == at })
	if i < 0 {
		if len(d.mine) >= maxMine {
			return nil, ErrBusy
		}
		d.mine = append(d.mine, &Lease{d: d, at: at})
		i = len(d.mine) - 1
	}
	l := d.mine[i]
	l.profile, l.next, l.tries, l.tx = list, now, 0, d.rand.Uint64()
	return l, nil
}

// Leases are our registrations.
func (d *Directory) Leases() []*Lease { return d.mine }

// At is the node at which we are registered.
func (l *Lease) At() sid.SID { return l.at }

// Valid reports whether the node has granted it, and it holds.
func (l *Lease) Valid(now time.Time) bool { return now.Before(l.until) }

// Seen is where the node sees us; not valid when it does not, as we are no neighbour of its.
func (l *Lease) Seen() netip.AddrPort { return l.seen }

// Close takes us out, there too.
func (l *Lease) Close() {
	if l.closed {
		return
	}
	l.closed = true
	l.d.send(l.at, &wire.DirectoryMessage{Type: wire.DirectoryRegister, Tx: l.d.rand.Uint64()})
	l.d.mine = slices.DeleteFunc(l.d.mine, func(o *Lease) bool { return o == l })
}

func (l *Lease) processing(now time.Time) {
	if !agenda.Due(now, l.next) {
		return
	}
	m := wire.DirectoryMessage{Type: wire.DirectoryRegister, Tx: l.tx, Seconds: uint16(keptFor.Seconds()), Profile: l.profile}
	_ = l.d.cfg.Send(now, l.at, wire.AppendDirectory(nil, &m)) // it is repeated, for ever
	l.next = now.Add(min(pause(min(l.tries, 20)), registerIn))
	l.tries++
}

// granted notes how long we are registered; half of that later it is renewed.
func (l *Lease) granted(now time.Time, m *wire.DirectoryMessage) {
	lasts := time.Duration(m.Seconds) * time.Second
	l.until, l.seen = now.Add(lasts), m.Seen
	l.tries, l.tx, l.next = 0, l.d.rand.Uint64(), now.Add(max(lasts/2, time.Minute))
}
