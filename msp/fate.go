package msp

// frameAcked takes note that the peer has what a packet of ours carried.
func (a *association) frameAcked(f *sentFrame) {
	s := f.s
	switch f.kind {
	case sentStream:
		a.dataAcked(s, f)
	case sentOpen:
		s.open = finAcked
		s.announced()
		if a.link == LinkUp && !s.ended {
			s.tellLink(LinkUp)
		}
		s.notify()
		a.settle(s)
	case sentReset:
		s.send.reset.state = finAcked
		a.settle(s)
	case sentStop:
		s.recv.stop = finAcked
	}
}

func (a *association) dataAcked(s *Stream, f *sentFrame) {
	if s.ended || s.send.reset.state != finNone {
		return
	}
	freed, bytes := s.send.onAck(&a.pool, f.start, f.end, f.fin)
	if bytes > 0 {
		s.events.acked += bytes
		s.happened(EventAcked)
	}
	if s.full && freed {
		if bound := a.sendBound(); s.send.free(bound) >= bound/4 {
			s.full = false
			s.happened(EventWritable)
		}
	}
	if s.Acked() {
		s.notify()
	}
	if f.fin || s.send.fin == finAcked {
		a.settle(s)
	}
}

// frameLost has what a packet of ours carried sent again, if it still matters (spec M6.3).
func (a *association) frameLost(f *sentFrame) {
	s := f.s
	switch {
	case f.kind == sentMaxData:
		a.raiseData = true
	case f.kind == sentMaxStreams:
		a.raiseIDs = true
	case s.ended:
	case f.kind == sentStream:
		if !s.abandoned && s.send.reset.state == finNone {
			s.send.onLost(f.start, f.end, f.fin)
			a.enqueue(s)
		}
	case f.kind == sentOpen:
		if s.open == finSent {
			s.open = finQueued
			a.enqueue(s)
		}
	default:
		s.controlLost(f.kind)
		a.control(s)
	}
}

func (s *Stream) controlLost(kind frameKind) {
	switch kind {
	case sentReset:
		if s.send.reset.state == finSent {
			s.send.reset.state = finQueued
		}
	case sentStop:
		if s.recv.stop == finSent && !s.recv.done() {
			s.recv.stop = finQueued
		}
	case sentMaxStreamData:
		s.recv.raise = s.grants()
	case sentPriority:
		s.wish.ask = true
	case sentChildWindow:
		s.family.tell = true
	case sentKeepAsk:
		s.keepAsk = s.socket != nil
	case sentKeepAnswer:
		s.keepAnswer = !s.abandoned
	}
}
