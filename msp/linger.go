package msp

import "time"

// codeLinger is the code of the RESET of a stream that was closed, and whose peer does not take the rest.
const codeLinger = 0x4c494e47

// linger starts the time that a closed stream has to deliver what is left (spec M4.10).
func (s *Stream) linger(now time.Time) {
	if !s.ended {
		s.lingered = s.send.base
		s.entry.Owner = s
		s.a.e.lingering.Set(&s.entry, now.Add(s.a.e.limits.Linger))
	}
}

// dismiss resets the closed streams that have not delivered anything for too long.
func (e *Engine) dismiss(now time.Time) (next time.Time) {
	for {
		entry, ok := e.lingering.Pop(now)
		if !ok {
			return e.lingering.Next()
		}
		s := entry.Owner
		if s.send.base > s.lingered {
			s.linger(now)
			continue
		}
		s.reset(now, kindBoth, codeLinger, "closed, and the rest was not taken", ErrTimeout)
	}
}
