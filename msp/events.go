package msp

// An Event tells that something happened to a stream: a set of flags.
type Event uint16

// What can happen to a stream. Each tells of a change, not of a state; several of one kind
// between two calls of Events are one.
const (
	EventReadable    Event = 1 << iota // there was nothing to read, now there is; or the end
	EventWritable                      // a Write was refused, now some would be taken
	EventAcked                         // the peer has acknowledged bytes
	EventRecord                        // there was no whole record, now there is
	EventSub                           // a substream or datagram waits to be accepted
	EventDatagram                      // a datagram is whole
	EventLinkUp                        // the peer answers, for the first time or again
	EventLinkStalled                   // it has not answered for some time
	EventLinkDown                      // it has not answered for long
	EventReset                         // the stream was reset, by one of the two
	EventError                         // the stream ended before its time
	EventRecvBlocked                   // what was received fills the window: read it, or widen it
)

// An events is what happened and was not asked for yet.
type events struct {
	what  Event
	acked uint64
}

// Events returns what happened since the last call, and how many bytes the peer acknowledged. To
// be called for the streams that Engine.Changed yields, or at any time.
func (s *Stream) Events() (what Event, acked uint64) {
	what, acked = s.events.what, s.events.acked
	s.events = events{}
	return what, acked
}

// happened notes an event for the stream's owner.
func (s *Stream) happened(what Event) {
	s.events.what |= what
	s.notify()
}

// readiness is which of Readable and Record holds now.
func (s *Stream) readiness() (what Event) {
	d := &s.recv
	if d.base < d.have || d.have == d.final {
		what |= EventReadable
	}
	if d.records() > 0 {
		what |= EventRecord
	}
	return what
}

// became tells what holds now and did not before.
func (s *Stream) became(before Event) {
	if news := s.readiness() &^ before; news != 0 {
		s.happened(news)
	}
	if s.waitsIn != nil && s.whole() {
		s.waitsIn.happened(EventDatagram)
	}
}
