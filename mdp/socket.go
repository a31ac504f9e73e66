package mdp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A Socket is one bound port with a bounded queue of received datagrams.
type Socket struct {
	// User is the owner's own (host keeps its wake-up there).
	User any

	s        *Switch
	addr     Addr
	queue    queue
	refusals uint64
	refusal  Addr
	place    int   // in Switch.sockets
	ended    error // why it is closed; nil = it is not
}

// Addr is where the socket is bound (SID zero = all identities).
func (k *Socket) Addr() Addr { return k.addr }

// SendTo sends p to to. From a socket bound to all identities, the primary sends.
// Errors as Begin's, and Err's.
func (k *Socket) SendTo(now time.Time, to Addr, p []byte, class link.Class) error {
	if k.ended != nil {
		return k.ended
	}
	room, err := k.s.Begin(now, k.addr.SID, k.addr.Port, to, class, len(p))
	if err != nil {
		return err
	}
	k.s.Commit(now, copy(room, p))
	return nil
}

// Broadcast sends p, signed by the primary identity and not encrypted, to that port of every
// other node within hops (spec D7). Errors: ErrBadPort, Err's, and the carrier's.
func (k *Socket) Broadcast(now time.Time, port uint32, p []byte, hops int) error {
	if k.ended != nil {
		return k.ended
	}
	if port < FirstUser || port > MaxPort {
		return ErrBadPort
	}
	s := k.s
	s.begun = begun{} // its room may be ours
	payload := append(wire.Ports{Dst: port, Src: k.addr.Port}.Append(s.room), p...)
	s.room = payload[:0]
	return s.carrier.Broadcast(now, payload, hops)
}

// Recv takes the oldest received datagram; ErrEmpty when there is none, Err when it is closed.
// n is cut to len(buf).
func (k *Socket) Recv(buf []byte) (n int, from Addr, local sid.SID, info Info, err error) {
	if k.ended != nil {
		return 0, Addr{}, sid.None, Info{}, k.ended
	}
	if k.queue.count == 0 {
		return 0, Addr{}, sid.None, Info{}, ErrEmpty
	}
	d := k.queue.front()
	n = copy(buf, d.bytes)
	from, local, info = d.remote, d.local, d.info
	k.queue.pop()
	return n, from, local, info, nil
}

// Pending is the number of datagrams waiting.
func (k *Socket) Pending() int { return k.queue.count }

// Refusals counts the answers "port unreachable" to datagrams from this socket, and
// tells where the last of them could not go (spec D6.3).
func (k *Socket) Refusals() (n uint64, last Addr) { return k.refusals, k.refusal }

// Err is nil while the socket is open, ErrClosed after Close, ErrRemoved when the identity that it
// was bound to is none of ours any more.
func (k *Socket) Err() error { return k.ended }

// Close unbinds the port. What waits is dropped. Closing again does nothing.
func (k *Socket) Close() { k.close(ErrClosed) }

func (k *Socket) close(why error) {
	if k.ended != nil {
		return
	}
	k.ended = why
	k.queue = queue{}
	k.s.unbind(k)
}

// Ping sends an echo request to dst from this socket with the given body; the reply arrives at
// the socket like any datagram, from port 2 (spec D5.1).
func (k *Socket) Ping(now time.Time, dst sid.SID, body []byte) error {
	return k.SendTo(now, Addr{dst, PortEcho}, body, ownClass)
}

// Trace asks node at for its next hop to dst; the reply arrives at the socket, from port 3, and
// ParseTrace reads it (spec D5.2).
func (k *Socket) Trace(now time.Time, at, dst sid.SID) error {
	return k.SendTo(now, Addr{at, PortTrace}, wire.AppendTraceRequest(nil, dst), ownClass)
}

// A portKey is where a binding is: a port of one of our SIDs, or of all (zero).
type portKey struct {
	local sid.SID
	port  uint32
}

// A binding takes the datagrams of a port: one of the two.
type binding struct {
	socket  *Socket
	handler Handler
}

// lookup finds who takes datagrams for that port of local (spec D2.2).
func (s *Switch) lookup(local sid.SID, port uint32) (binding, bool) {
	if b, ok := s.ports[portKey{local, port}]; ok {
		return b, true
	}
	b, ok := s.ports[portKey{port: port}]
	return b, ok
}

// Bind opens a socket at port of our identity local; the zero SID means all of ours.
// Port 0 picks a free ephemeral one (spec D2.1). Errors: ErrPortInUse, ErrBadPort, ErrNotOurs,
// ErrBusy when there are Limits.Sockets.
func (s *Switch) Bind(local sid.SID, port uint32) (*Socket, error) {
	switch {
	case !local.IsZero() && !s.isOurs(local):
		return nil, ErrNotOurs
	case port > MaxPort || (port > 0 && port < FirstUser):
		return nil, ErrBadPort
	case len(s.sockets) >= s.limits.Sockets:
		return nil, ErrBusy
	}
	if port == 0 {
		port = s.pickPort()
	}
	key := portKey{local, port}
	if _, taken := s.ports[key]; taken || port == 0 {
		return nil, ErrPortInUse
	}
	k := &Socket{s: s, addr: Addr{local, port}, queue: queue{limit: s.limits.SocketQueue}, place: len(s.sockets)}
	s.ports[key] = binding{socket: k}
	s.sockets = append(s.sockets, k)
	return k, nil
}

// pickPort finds a port that is free at all our SIDs, 0 when it has no luck. It tries
// short ones first.
func (s *Switch) pickPort() uint32 {
	for try := range 64 {
		span := uint32(1<<14 - FirstEphemeral)
		if try >= 32 {
			span = MaxPort - FirstEphemeral
		}
		port := FirstEphemeral + uint32(s.random.Uint64()%uint64(span))
		if s.isFree(port) {
			return port
		}
	}
	return 0
}

func (s *Switch) isFree(port uint32) bool {
	for _, local := range s.ours {
		if _, taken := s.lookup(local, port); taken {
			return false
		}
	}
	return true
}

// Handle binds a handler instead of a socket, at that port of all our SIDs (msp and other floors above):
// datagrams go straight up, payload borrowed. Errors: ErrPortInUse, ErrBadPort.
func (s *Switch) Handle(port uint32, h Handler) error {
	if port == portControl || port > MaxPort || h == nil {
		return ErrBadPort
	}
	key := portKey{port: port}
	if _, taken := s.ports[key]; taken || port == PortEcho || port == PortTrace {
		return ErrPortInUse
	}
	s.ports[key] = binding{handler: h}
	return nil
}

func (s *Switch) unbind(k *Socket) {
	delete(s.ports, portKey{k.addr.SID, k.addr.Port})
	last := len(s.sockets) - 1
	s.sockets[k.place], s.sockets[last].place = s.sockets[last], k.place
	s.sockets[last] = nil
	s.sockets = s.sockets[:last]
}
