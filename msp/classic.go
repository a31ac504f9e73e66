package msp

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// A State is what a classic socket's handler is told about it: a set of flags.
type State uint8

// The flags of a State.
const (
	Listening      State = 1 << iota // waits for peers to connect
	Connected                        // the peer has answered
	DataOut                          // a message can be sent
	ShutdownLocal                    // we send no more
	ShutdownRemote                   // the peer sends no more, all it sent was delivered
	Closed                           // the last call: the socket is gone
	Error                            // with Closed: before its time
)

// A Handler is called from Processing when something happens to a socket. payload
// is one message (borrowed), or nil when only the state changed. A message that
// is not consumed is brought again (spec M12.5).
type Handler func(s *Socket, state State, payload []byte) (consumed bool)

// MaxMessage is the longest message of a classic socket, in bytes (spec M12.1).
const MaxMessage = 65536

// A Socket is one end of a classic MSP connection, or listens for them. It is
// used from the owner's calls and from its handler; after Closed all its methods
// return ErrClosed.
type Socket struct {
	User any

	e        *Engine
	handler  Handler
	key      listenKey // what is bound: our SID and port
	bound    bool      // key is in the table of ports
	stream   *Stream
	listener *Listener
	socketState
}

// Socket makes a socket that neither listens nor is connected.
func (e *Engine) Socket(h Handler) *Socket {
	s := &Socket{e: e, handler: h}
	s.entry.Owner = s
	e.classic.sockets = append(e.classic.sockets, s)
	return s
}

// Primary is our first identity.
func (e *Engine) Primary() sid.SID { return e.ours[0] }

// Sockets counts the classic sockets that are not gone: a closed one goes at the next Processing.
func (e *Engine) Sockets() int { return len(e.classic.sockets) }

// CloseAll closes every classic socket as Close does. ErrInHandler from a handler.
func (e *Engine) CloseAll(now time.Time) error {
	if e.classic.inHandler {
		return ErrInHandler
	}
	for _, s := range e.classic.sockets {
		_ = s.Close(now) // one already closed stays so
	}
	return nil
}

// SetLocal chooses what Connect connects from. The zero SID is the primary, port 0 the
// next free one.
func (s *Socket) SetLocal(local sid.SID, port uint32) error {
	switch {
	case s.gone():
		return ErrClosed
	case s.stream != nil || s.listener != nil || s.bound:
		return ErrInUse
	case port > maxPort:
		return ErrBadTarget
	}
	if local.IsZero() {
		local = s.e.Primary()
	}
	if !slices.Contains(s.e.ours, local) {
		return ErrNotOurs
	}
	key := listenKey{local, Target{Port: port}}
	if port == 0 {
		key.target.Port = s.e.classic.freePort(local)
	}
	if s.e.classic.ports[key] != nil {
		return ErrInUse
	}
	s.key, s.bound = key, true
	s.e.classic.ports[key] = s
	return nil
}

// Listen waits for peers to connect to port at local; the zero SID is all of ours. Each
// gets a socket of its own with this one's handler.
func (s *Socket) Listen(now time.Time, local sid.SID, port uint32) error {
	switch {
	case s.gone():
		return ErrClosed
	case s.stream != nil || s.listener != nil:
		return ErrInUse
	}
	l, err := s.e.Listen(local, Target{Port: port})
	if err != nil {
		return err
	}
	s.listener, l.socket = l, s
	s.state = Listening
	return nil
}

// Connect connects to port of remote. It returns at once; messages may be sent at once.
func (s *Socket) Connect(now time.Time, remote sid.SID, port uint32) error {
	switch {
	case s.gone():
		return ErrClosed
	case s.stream != nil || s.listener != nil:
		return ErrInUse
	}
	if !s.bound {
		if err := s.SetLocal(sid.None, 0); err != nil {
			return err
		}
	}
	stream, err := s.e.dial(now, s.key.local, remote, Target{Port: port}, s.key.target.Port)
	if err != nil {
		return err
	}
	s.attach(now, stream)
	return nil
}

// Send queues one message of 1 to MaxMessage bytes, all of it or nothing. After
// ErrWouldBlock the handler is called with DataOut when it would fit.
func (s *Socket) Send(now time.Time, message []byte) error {
	switch {
	case s.gone() || s.stream == nil || s.state&ShutdownLocal != 0:
		return ErrClosed
	case len(message) == 0:
		return ErrEmptyMessage
	case len(message) > MaxMessage || len(message) >= s.e.limits.SendBuffer:
		return ErrTooLong
	}
	st := s.stream
	if err := st.mayWrite(); err != nil {
		return err
	}
	if !s.fits(len(message)) {
		s.wants, st.full = len(message), true
		return ErrWouldBlock
	}
	before := st.send.end
	if !st.store(message) || !st.send.mark(&st.a.pool) {
		st.send.end = before
		s.wants, st.full = len(message), true
		s.e.starve(st)
		return ErrWouldBlock
	}
	st.a.enqueue(st)
	return nil
}

// fits reports whether a message of n bytes and its mark have room.
func (s *Socket) fits(n int) bool {
	return s.stream.send.free(s.stream.a.sendBound()) > n
}

// Shutdown sends no more after what is queued; the peer may go on (spec M12.3).
func (s *Socket) Shutdown(now time.Time) error {
	if s.gone() || s.stream == nil || s.state&ShutdownLocal != 0 {
		return ErrClosed
	}
	s.state |= ShutdownLocal
	s.e.touch(s)
	return s.stream.CloseWrite(now)
}

// Close drops the socket without a word to the peer, whose end dies by timeout (spec
// M12.4). The handler gets Closed at the next Processing.
func (s *Socket) Close(now time.Time) error { return s.leave(leaveSilent) }

// Stop drops the socket, and what was not delivered, and tells the peer. The
// handler gets Closed at the next Processing.
func (s *Socket) Stop(now time.Time) error { return s.leave(leaveLoud) }

// State is what the handler would be told now.
func (s *Socket) State() State {
	if s.stream != nil && s.state&(ShutdownLocal|Closed) == 0 && s.stream.mayWrite() == nil && s.fits(1) {
		return s.state | DataOut
	}
	return s.state
}

// Local is our SID and port; the zero SID for a listener at all of ours.
func (s *Socket) Local() (sid.SID, uint32) {
	switch {
	case s.stream != nil:
		return s.stream.Local(), s.stream.LocalPort()
	case s.listener != nil:
		return s.listener.key.local, s.listener.key.target.Port
	}
	return s.key.local, s.key.target.Port
}

// Remote is the peer's SID and port; zero when not connected.
func (s *Socket) Remote() (sid.SID, uint32) {
	if s.stream == nil {
		return sid.None, 0
	}
	return s.stream.Remote(), s.stream.RemotePort()
}
