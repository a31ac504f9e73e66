package session

import "container/list"

// stamps remembers the last stamp of each pair, for the pairs heard of last
// (spec S2.8).
//
// Invariant: order holds exactly the elements of last, newest first, at most max.
type stamps struct {
	max   int
	last  map[pair]*list.Element
	order *list.List // of stampOf
}

type stampOf struct {
	who   pair
	stamp uint64
}

func newStamps(max int) stamps {
	return stamps{max: max, last: make(map[pair]*list.Element), order: list.New()}
}

// of is the last stamp of the pair; ok is false when none is remembered.
func (s *stamps) of(who pair) (stamp uint64, ok bool) {
	if e := s.last[who]; e != nil {
		return e.Value.(stampOf).stamp, true
	}
	return 0, false
}

// take remembers a newer stamp. It reports false when it is not newer.
func (s *stamps) take(who pair, stamp uint64) bool {
	if e := s.last[who]; e != nil {
		if stamp <= e.Value.(stampOf).stamp {
			return false
		}
		e.Value = stampOf{who, stamp}
		s.order.MoveToFront(e)
		return true
	}
	if s.order.Len() >= s.max {
		oldest := s.order.Remove(s.order.Back()).(stampOf)
		delete(s.last, oldest.who)
	}
	s.last[who] = s.order.PushFront(stampOf{who, stamp})
	return true
}
