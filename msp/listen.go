package msp

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

const (
	maxPort   = wire.MaxMSPPort
	firstPort = 1024 // given to diallers
	lastPort  = 65535

	kindBoth    = wire.MSPResetBoth
	kindRefused = wire.MSPResetRefused
)

// A listenKey is where a listener listens; the zero SID is all of ours.
type listenKey struct {
	local  sid.SID
	target Target
}

// A Listener queues streams opened by peers.
type Listener struct {
	User any

	e       *Engine
	key     listenKey
	waiting []*Stream
	socket  *Socket // classic: streams go to sockets of its handler
	changed bool
	closed  bool
	err     error // why it was closed, other than by its owner
	subs    ListenMode
	about   About
}

// Dial opens a stream to a target at remote from our local (zero = primary). It
// returns at once and may be written at once: the first bytes travel with the
// open. Errors: ErrBadTarget, ErrNotOurs, ErrSelf, and ErrWouldBlock when there are too many
// streams or associations.
func (e *Engine) Dial(now time.Time, local, remote sid.SID, to Target) (*Stream, error) {
	e.lastPort++
	if e.lastPort > lastPort {
		e.lastPort = firstPort
	}
	s, err := e.dial(now, local, remote, to, e.lastPort)
	if s != nil {
		s.owned = true
	}
	return s, err
}

func (e *Engine) dial(now time.Time, local, remote sid.SID, to Target, port uint32) (*Stream, error) {
	if local.IsZero() && len(e.ours) > 0 {
		local = e.ours[0]
	}
	switch {
	case !to.valid():
		return nil, ErrBadTarget
	case !slices.Contains(e.ours, local):
		return nil, ErrNotOurs
	case local == remote:
		return nil, ErrSelf
	case e.open >= e.limits.Streams:
		return nil, ErrWouldBlock
	}
	p := pair{local, remote}
	a := e.byPair[p]
	if a != nil && len(a.streams) == 0 && a.silentFor(now) >= avoidAfter { // spec M2.5
		a.end(ErrTimeout)
		a = nil
	}
	if a == nil {
		if a = e.associate(now, p, e.limits.Associations); a == nil {
			return nil, ErrWouldBlock
		}
	}
	s := a.newStream(now, 2*a.opened+a.parity)
	a.opened++
	s.open = finQueued
	s.target, s.localPort, s.remotePort = to, port, to.Port
	a.enqueue(s)
	return s, nil
}

// Listen takes streams opened to target at local; the zero SID means all of ours.
// ErrInUse or ErrServiceInUse when taken, ErrNotOurs, ErrBadTarget.
func (e *Engine) Listen(local sid.SID, target Target) (*Listener, error) {
	return e.ListenAs(local, target, About{})
}

// ListenAs is Listen with a description for those who ask what services there are.
func (e *Engine) ListenAs(local sid.SID, target Target, about About) (*Listener, error) {
	key := listenKey{local, target}
	switch {
	case !target.valid() || len(about.Service)+len(about.Protocol) > wire.MaxMSPNames:
		return nil, ErrBadTarget
	case !local.IsZero() && !slices.Contains(e.ours, local):
		return nil, ErrNotOurs
	case e.listeners[key] != nil && target.Port == 0:
		return nil, ErrServiceInUse
	case e.listeners[key] != nil, target.Port == PortServices:
		return nil, ErrInUse
	}
	l := &Listener{e: e, key: key, about: about}
	e.listeners[key] = l
	if target.Port == 0 {
		e.name(l)
	}
	return l, nil
}

// accept hands a stream that the peer opened to whoever listens; the listener at
// its very SID before the one at all. Else code says why nobody takes it.
func (e *Engine) accept(now time.Time, s *Stream) (code uint32, ok bool) {
	if s.target.Port == PortServices {
		if s.a.telling == maxTelling {
			return refusedFull, false
		}
		s.tells = true
		s.a.telling++
		e.tellServices(now, s)
		return 0, true
	}
	l := e.listeners[listenKey{s.a.pair.local, s.target}]
	if l == nil {
		l = e.listeners[listenKey{sid.None, s.target}]
	}
	switch {
	case l == nil:
		return e.absent(s.a.pair.local, s.target), false
	case l.socket != nil:
		return 0, l.socket.incoming(now, s)
	case len(l.waiting) >= e.limits.Backlog:
		return refusedFull, false
	}
	s.waitsFor = l
	l.waiting = append(l.waiting, s)
	l.notify()
	return 0, true
}

// Accept takes the oldest waiting stream, nil when there is none.
func (l *Listener) Accept() *Stream {
	if len(l.waiting) == 0 {
		return nil
	}
	s := l.waiting[0]
	l.remove(s)
	if l.subs != (ListenMode{}) {
		s.kids().mode = l.subs
	}
	s.accepted()
	return s
}

// Subs sets the ListenMode that streams accepted from now on begin with.
func (l *Listener) Subs(mode ListenMode) { l.subs = mode }

// Target is what the listener listens to.
func (l *Listener) Target() Target { return l.key.target }

// Err is ErrRemoved when the listener was closed because the identity it listened at is none of
// ours any more, else nil.
func (l *Listener) Err() error { return l.err }

// Close stops listening; waiting streams are refused. The second time does nothing.
func (l *Listener) Close(now time.Time) {
	if l.closed {
		return
	}
	l.closed = true
	delete(l.e.listeners, l.key)
	l.e.unname(l)
	for len(l.waiting) > 0 {
		s := l.waiting[0]
		l.remove(s)
		s.refuse(now, l.e.absent(s.a.pair.local, s.target))
	}
	l.notify()
}

// remove takes a stream out of the backlog.
func (l *Listener) remove(s *Stream) {
	s.waitsFor = nil
	if i := slices.Index(l.waiting, s); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
}

func (l *Listener) notify() {
	if !l.changed {
		l.changed = true
		l.e.changedListeners = append(l.e.changedListeners, l)
	}
}
