package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// appendData writes a forward frame, and before it the definition of its alias as
// long as the neighbour has not acknowledged one (spec O5.2).
func (n *neighbour) appendData(f *frame, p *packing) bool {
	a, _ := n.tx.alias(f.dst, maxAlias)
	bulk := f.n > inlineMax
	if bulk && !p.empty() {
		return false
	}
	f.defines = !a.known
	need := wire.ForwardSize + f.way.Size() + f.n
	if bulk {
		need = wire.SectionSize + f.way.Size() + f.n
	}
	if p.left() < need {
		return false
	}
	if f.defines && p.left() < need+wire.AliasSize {
		return bulk && n.defineFirst(f, a, p)
	}
	if f.defines {
		p.b = wire.AppendAlias(p.b, a.alias, f.dst.sid)
	}
	n.appendForward(f, a, p, bulk, p.left()-need)
	return true
}

// named reports whether the destination has an alias, or gets one. When all are used
// up a new session is made, which has new ones (spec O5.7).
func (n *neighbour) named(now time.Time, o *origin) bool {
	_, ok := n.tx.alias(o, maxAlias)
	if !ok {
		n.peer.Start(now, nil)
	}
	return ok
}

// appendForward writes the head of the frame, naming earlier transmissions as far
// as spare bytes allow, and the payload unless it goes into the payload section.
func (n *neighbour) appendForward(f *frame, a *aliasState, p *packing, bulk bool, spare int) {
	w := wire.Forward{Alias: a.alias, Distance: n.m.heading.distance, HopLimit: f.hop, Class: uint8(f.class), Deflected: n.m.heading.deflected}
	if f.namedIn == n.tx.epoch {
		w.N = min(f.named, uint8(min(max(spare, 0)/wire.EarlierSize, wire.MaxEarlier)))
	}
	copy(w.Earlier[:w.N], f.earlier[:f.named])
	if f.way.N > 0 {
		way := f.way
		way.Next++
		p.b = wire.AppendRoute(p.b, &way)
	}
	p.b = wire.AppendForward(p.b, &w, f.n, bulk)
	if bulk {
		p.section = f
		return
	}
	p.b = append(p.b, f.payload()...)
}

// defineFirst sends the definition of an alias in a packet of its own, because the
// payload leaves no room. While that packet flies, payloads follow it.
func (n *neighbour) defineFirst(f *frame, a *aliasState, p *packing) bool {
	if a.sent {
		f.defines = false
		n.appendForward(f, a, p, true, p.left()-wire.SectionSize-f.way.Size()-f.n)
		return true
	}
	d := n.m.frames.get(frameAlias, 0)
	if d == nil {
		return false
	}
	a.sent, p.asks = true, true
	d.dst, d.defines = f.dst, true
	p.b = wire.AppendAlias(p.b, a.alias, f.dst.sid)
	p.carried.push(d)
	return false
}

// learned notes that the neighbour knows the alias that the frame defined.
func (t *flight) learned(f *frame) {
	if int(f.dst.slot) < len(t.aliases) {
		if a := &t.aliases[f.dst.slot]; a.of == f.dst {
			a.known = true
		}
	}
}

// unsent notes that the packet with the definition was lost.
func (t *flight) unsent(f *frame) {
	if int(f.dst.slot) < len(t.aliases) {
		if a := &t.aliases[f.dst.slot]; a.of == f.dst {
			a.sent = false
		}
	}
}

// define notes what the neighbour calls by an alias. The first definition stands. It
// reports false when there is no such alias.
func (a *arrivals) define(alias uint16, s sid.SID) bool {
	if alias == 0 || alias > maxAlias {
		return false
	}
	for int(alias) >= len(a.aliases) {
		a.aliases = append(a.aliases, make([]aliasTarget, max(16, len(a.aliases)))...)
	}
	if t := &a.aliases[alias]; t.sid.IsZero() {
		t.sid = s
	}
	return true
}

// resolve finds the origin that the neighbour calls by the alias. known is false
// when it has never defined it.
func (m *Mesh) resolve(a *arrivals, alias uint16) (o *origin, known bool) {
	if int(alias) >= len(a.aliases) || a.aliases[alias].sid.IsZero() {
		return nil, false
	}
	t := &a.aliases[alias]
	if t.to == nil || t.to.gone {
		t.to = m.db.bySID(t.sid)
	}
	return t.to, true
}

// followEpoch begins a new flight when the session has begun a new epoch. What flew
// under the one before may still be acknowledged (spec O6.8).
func (n *neighbour) followEpoch(now time.Time) {
	if epoch := n.peer.Epoch(); epoch != n.tx.epoch {
		n.turnTo(now, epoch)
	}
}

// turnTo makes the flight of the epoch the present one. When handshakes have crossed, it may be that of before
// (spec S2.7), in which no alias may be given a second time (spec O5.1).
func (n *neighbour) turnTo(now time.Time, epoch uint32) {
	if n.old.epoch == epoch {
		n.old, n.tx = n.tx, n.old
	} else {
		n.abandonFlight(now, &n.old)
		n.old, n.tx = n.tx, flight{epoch: epoch}
	}
	if n.old.flying > 0 {
		n.dirty = true
	}
}
