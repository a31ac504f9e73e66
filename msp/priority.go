package msp

import (
	"cmp"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// The priorities that stand for the classes of the queues below (spec M10.4).
const (
	PriorityVoice       int32 = 100
	PriorityInteractive int32 = 1
	PriorityBulk        int32 = 0 // the default
	PriorityBackground  int32 = -1
)

// maxLevels is how many levels of priority are kept when nothing of them is to be sent.
const maxLevels = 8

// A ladder is the streams that have something to send, the most urgent level first.
//
// Invariant: priorities fall, and no two levels have the same.
type ladder []level

type level struct {
	priority int32
	turns    turns
}

// at is the turns of a priority, made if need be.
func (l *ladder) at(priority int32) *turns {
	i, found := l.find(priority)
	if found {
		return &(*l)[i].turns
	}
	if len(*l) >= maxLevels {
		*l = slices.DeleteFunc(*l, func(v level) bool { return v.turns.first == nil })
		i, _ = l.find(priority)
	}
	*l = slices.Insert(*l, i, level{priority: priority})
	return &(*l)[i].turns
}

// find is the place of a level, or where it belongs.
func (l *ladder) find(priority int32) (int, bool) {
	return slices.BinarySearchFunc(*l, priority, func(v level, p int32) int { return cmp.Compare(p, v.priority) })
}

// classOf is the class below in which data of a priority goes (spec M10.4).
func classOf(priority int32) link.Class {
	switch {
	case priority >= PriorityVoice:
		return link.Voice
	case priority > PriorityBulk:
		return link.Interactive
	case priority == PriorityBulk:
		return link.Bulk
	}
	return link.Background
}

// SetPriority orders what we send on this stream: strictly before all that goes to the same peer
// at a lower priority, in turn with what has the same. It counts at once, for what
// is queued too. Larger is more urgent; 0 when never called. The class in
// the queues below follows.
func (s *Stream) SetPriority(priority int32) {
	if s.inTurn && priority != s.priority {
		s.a.turns.at(s.priority).remove(s)
		s.a.turns.at(priority).push(s)
	}
	s.priority = priority
}

// Priority is what SetPriority, or the peer by RequestPriority, set last.
func (s *Stream) Priority() int32 { return s.priority }

// SetClass is SetPriority with the priority that stands for a class. Control is the mesh's own:
// it counts as Voice.
func (s *Stream) SetClass(class link.Class) {
	switch class {
	case link.Control, link.Voice:
		s.SetPriority(PriorityVoice)
	case link.Interactive:
		s.SetPriority(PriorityInteractive)
	case link.Bulk:
		s.SetPriority(PriorityBulk)
	default:
		s.SetPriority(PriorityBackground)
	}
}

// RequestPriority asks the peer to send this stream at the priority (spec M10.5). The
// newest request counts; the peer may not heed it.
func (s *Stream) RequestPriority(now time.Time, priority int32) {
	if s.ended {
		return
	}
	s.wish = wish{turn: s.wish.turn + 1, priority: priority, heard: s.wish.heard, ignored: s.wish.ignored, ask: true}
	s.a.control(s)
}

// IgnorePeerPriority has the peer's requests for a priority do nothing.
func (s *Stream) IgnorePeerPriority() { s.wish.ignored = true }

// A wish is what one side asked of the other's priority.
type wish struct {
	turn     uint64 // of our newest request
	heard    uint64 // of the peer's newest
	priority int32  // what we asked
	ask      bool   // PRIORITY is to be sent
	ignored  bool   // the peer's requests are
}

// onPriority takes PRIORITY (spec M10.5).
func (s *Stream) onPriority(turn uint64, priority int32) {
	if turn <= s.wish.heard {
		return
	}
	s.wish.heard = turn
	if !s.wish.ignored {
		s.SetPriority(priority)
	}
}
