package msp

import (
	"maps"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// AddIdentity makes id one of ours: peers reach its listeners, and streams can be dialled
// from it (spec I6.6). One that is ours already is left as it is.
func (e *Engine) AddIdentity(now time.Time, id sid.SID) {
	if slices.Contains(e.ours, id) {
		return
	}
	e.endAll(func(a *association) bool { return a.pair.remote == id }, ErrPeerRestarted)
	e.ours = append(e.ours, id)
}

// RemoveIdentity ends what an identity of ours does: its streams and the listeners at it alone
// end with ErrRemoved, and the peers are told, once (spec I6.6). The floor below must still have the
// identity. The primary stays.
func (e *Engine) RemoveIdentity(now time.Time, id sid.SID) {
	at := slices.Index(e.ours, id)
	if at <= 0 {
		return
	}
	e.endAll(func(a *association) bool {
		if a.pair.local == id && a.out.next != 0 {
			e.farewellNow(now, a)
		}
		return a.pair.local == id
	}, ErrRemoved)
	keys := slices.SortedFunc(maps.Keys(e.listeners), listenKey.compare)
	for _, key := range keys {
		if l := e.listeners[key]; key.local == id {
			l.err = ErrRemoved
			if l.socket != nil {
				_ = l.socket.leave(leaveSilent) // one that leaves already does
			}
			l.Close(now)
		}
	}
	e.ours = slices.Delete(e.ours, at, at+1)
}

// endAll ends the associations that match.
func (e *Engine) endAll(match func(*association) bool, why error) {
	for i := len(e.associations) - 1; i >= 0; i-- {
		if a := e.associations[i]; match(a) {
			a.end(why)
		}
	}
}

// farewellNow sends a CLOSE at once, because the next Processing will not have the keys any more.
func (e *Engine) farewellNow(now time.Time, a *association) {
	room, err := e.below.Begin(now, a.pair.local, a.pair.remote, link.Interactive, wire.MSPHeaderSize+2)
	if err != nil {
		return // the peer will notice that nobody answers
	}
	h := wire.MSPHeader{From: a.own, To: a.peer, Number: uint32(a.out.next)}
	e.below.Commit(now, len(wire.AppendMSPClose(h.Append(room[:0]))))
}

// compare orders listeners, by SID, port and service.
func (k listenKey) compare(o listenKey) int {
	if c := k.local.Compare(o.local); c != 0 {
		return c
	}
	return k.target.compare(o.target)
}
