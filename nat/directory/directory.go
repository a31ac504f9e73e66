// Package directory lets nodes tell others who they are, where they agreed to be found: profiles registered at a node for an hour, looked up by SID,
// searched by words (docs/spec/nat.md N7). Nobody is registered who did not ask for it. It does not know how its messages travel.
package directory

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

var (
	// ErrUnknownPeer: nobody of that SID is registered there.
	ErrUnknownPeer = errors.New("directory: not registered there")
	// ErrNoAnswer: the node asked does not answer, as it does to who is not registered with it.
	ErrNoAnswer = errors.New("directory: no answer")
	// ErrTooLong: a profile of more than wire.MaxProfile bytes, or a search of more than wire.MaxSearch.
	ErrTooLong = errors.New("directory: too long")
	// ErrBusy: as many questions, or registrations, as there is room for are under way.
	ErrBusy = errors.New("directory: busy")
)

// Times and bounds (spec N7.3, N7.4).
const (
	keptFor    = time.Hour
	maxRecords = 1024
	maxFound   = 100
	maxAsks    = 64
	maxMine    = 16 // nodes at which we are registered
	maxWaiting = 256
	askFirst   = 500 * time.Millisecond
	askTries   = 5 // each wait half as long again
	registerIn = time.Minute
)

// Config sets up a Directory. Send is required.
type Config struct {
	Seed  [32]byte
	Send  func(now time.Time, to sid.SID, payload []byte) error
	Where func(peer sid.SID) netip.AddrPort // where we see a neighbour; not valid = it is none
}

// A Directory is one node's part: it keeps records of others, and its own registrations elsewhere.
//
// Deliver only records; Processing sends.
type Directory struct {
	cfg     Config
	rand    *rand.Rand
	stats   Stats
	records []*record // by SID
	mine    []*Lease
	asks    []*Ask
	out     []message
}

// A record is one profile registered with us.
type record struct {
	sid     sid.SID
	seen    netip.AddrPort
	profile []wire.Attribute
	words   []string
	expires time.Time
}

type message struct {
	to   sid.SID
	data []byte
}

// Stats are the counters, one per reason.
type Stats struct {
	Registered, Expired, Looked, Searched uint64
	Unregistered                          uint64 // questions of who is not registered: not answered
	Full, Malformed, Dropped              uint64
}

// New returns a directory without records.
func New(cfg Config) *Directory {
	if cfg.Send == nil {
		panic("BUG: a directory needs a way to send")
	}
	return &Directory{cfg: cfg, rand: rand.New(rand.NewChaCha8(blake2s.Sum256(append([]byte("directory"), cfg.Seed[:]...))))}
}

// Stats returns the counters.
func (d *Directory) Stats() Stats { return d.stats }

// Records is how many nodes are registered here.
func (d *Directory) Records() int { return len(d.records) }

// Deliver takes a message from a peer, which is authentic.
func (d *Directory) Deliver(now time.Time, from sid.SID, payload []byte) {
	m, err := wire.ParseDirectory(payload)
	if err != nil {
		d.stats.Malformed++
		return
	}
	d.expire(now)
	switch m.Type {
	case wire.DirectoryRegister:
		d.register(now, from, &m)
	case wire.DirectoryLookup, wire.DirectorySearch:
		if at, found := d.find(from); !found {
			d.stats.Unregistered++
		} else if d.records[at].seen = d.where(from); m.Type == wire.DirectoryLookup {
			d.lookup(from, &m)
		} else {
			d.search(from, &m)
		}
	default:
		d.answered(now, from, &m)
	}
}

func (d *Directory) where(peer sid.SID) netip.AddrPort {
	if d.cfg.Where == nil {
		return netip.AddrPort{}
	}
	return d.cfg.Where(peer)
}

func (d *Directory) find(s sid.SID) (at int, found bool) {
	return slices.BinarySearchFunc(d.records, s, func(r *record, s sid.SID) int { return r.sid.Compare(s) })
}

// register takes a record, a newer one of the same SID, or, for no time, takes it away.
func (d *Directory) register(now time.Time, from sid.SID, m *wire.DirectoryMessage) {
	at, found := d.find(from)
	switch {
	case m.Seconds == 0:
		if found {
			d.records = slices.Delete(d.records, at, at+1)
		}
	case !found && len(d.records) == maxRecords:
		d.stats.Full++
		return
	case !found:
		d.records = slices.Insert(d.records, at, &record{sid: from})
	}
	answer := wire.DirectoryMessage{Type: wire.DirectoryRegistered, Tx: m.Tx, Seen: d.where(from)}
	if m.Seconds > 0 {
		d.stats.Registered++
		lasts := min(time.Duration(m.Seconds)*time.Second, keptFor)
		answer.Seconds = uint16(lasts.Seconds())
		r := d.records[at]
		r.seen, r.expires = answer.Seen, now.Add(lasts)
		r.profile, r.words = nil, nil
		for _, a := range m.Profile {
			r.profile = append(r.profile, wire.Attribute{Tag: a.Tag, Value: slices.Clone(a.Value)})
			if a.Tag&Searchable != 0 {
				r.words = append(r.words, words(string(a.Value))...)
			}
		}
	}
	d.send(from, &answer)
}

// expire forgets records whose time is over.
func (d *Directory) expire(now time.Time) {
	before := len(d.records)
	d.records = slices.DeleteFunc(d.records, func(r *record) bool { return !now.Before(r.expires) })
	d.stats.Expired += uint64(before - len(d.records))
}

func (d *Directory) lookup(from sid.SID, m *wire.DirectoryMessage) {
	d.stats.Looked++
	answer := wire.DirectoryMessage{Type: wire.DirectoryFound, Tx: m.Tx, SID: m.SID}
	if at, found := d.find(m.SID); found {
		r := d.records[at]
		answer.Yes, answer.Seen, answer.Profile = true, r.seen, r.profile
	}
	d.send(from, &answer)
}

// search answers with those that have all the words, 100 at most.
func (d *Directory) search(from sid.SID, m *wire.DirectoryMessage) {
	d.stats.Searched++
	wanted := words(string(m.Text))
	var found []sid.SID
	complete := true
	for _, r := range d.records {
		all := true
		for _, w := range wanted {
			all = all && slices.Contains(r.words, w)
		}
		switch {
		case !all:
		case len(found) == maxFound:
			complete = false
		default:
			found = append(found, r.sid)
		}
	}
	parts := max((len(found)+wire.DirectoryPerMsg-1)/wire.DirectoryPerMsg, 1)
	for part := range parts {
		some := found[part*wire.DirectoryPerMsg : min((part+1)*wire.DirectoryPerMsg, len(found))]
		d.send(from, &wire.DirectoryMessage{
			Type: wire.DirectoryResult, Tx: m.Tx, Yes: complete, Part: uint8(part), Parts: uint8(parts), SIDs: some,
		})
	}
}

func (d *Directory) send(to sid.SID, m *wire.DirectoryMessage) {
	if len(d.out) == maxWaiting {
		d.stats.Dropped++
		return
	}
	d.out = append(d.out, message{to, wire.AppendDirectory(nil, m)})
}

// Processing sends what is due and reports when to be called again.
func (d *Directory) Processing(now time.Time) (next time.Time) {
	for _, m := range d.out {
		if d.cfg.Send(now, m.to, m.data) != nil {
			d.stats.Dropped++ // who asked asks again
		}
	}
	d.out = d.out[:0]
	for _, l := range d.mine {
		l.processing(now)
		next = agenda.Soonest(next, l.next)
	}
	d.asks = slices.DeleteFunc(d.asks, func(a *Ask) bool { return a.Done() })
	for _, a := range d.asks {
		a.processing(now)
		next = agenda.Soonest(next, a.next)
	}
	return next
}
