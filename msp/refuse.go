package msp

import "time"

// Why an open was refused: the code of RESET kind 1 (spec M4.4). 0: nothing listens at the port.
const (
	refusedService  = 1 // no such service
	refusedProtocol = 2 // the service does not speak that protocol
	refusedFull     = 3 // as many wait to be accepted as may
	refusedNoSubs   = 4 // the stream takes no substreams
	refusedGone     = 5 // the stream that it was opened beneath is gone
)

// Why the peer refused a stream. All of them are ErrRefused as well (errors.Is).
var (
	ErrNoService  error = &refusal{"msp: refused: no such service there"}
	ErrNoProtocol error = &refusal{"msp: refused: the service does not speak that protocol"}
	ErrBacklog    error = &refusal{"msp: refused: too many wait to be accepted there"}
	ErrNoSubs     error = &refusal{"msp: refused: the stream takes no substreams"}
	ErrNoParent   error = &refusal{"msp: refused: the stream above is gone"}
)

type refusal struct{ text string }

func (e *refusal) Error() string { return e.text }

// Is makes every refusal an ErrRefused.
func (e *refusal) Is(target error) bool { return target == ErrRefused }

// refused is the error that a code stands for.
func refused(code uint32) error {
	switch code {
	case refusedService:
		return ErrNoService
	case refusedProtocol:
		return ErrNoProtocol
	case refusedFull:
		return ErrBacklog
	case refusedNoSubs:
		return ErrNoSubs
	case refusedGone:
		return ErrNoParent
	}
	return ErrRefused
}

// refuse ends a stream of the peer's that nobody here takes (spec M4.4).
func (s *Stream) refuse(now time.Time, code uint32) {
	s.a.e.status.Refused++
	s.reset(now, kindRefused, code, "", refused(code))
}
