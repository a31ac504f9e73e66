package msp

import (
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// A StreamStats is what is known of a stream now. Sizes are units: bytes, and one for each mark.
type StreamStats struct {
	ID            uint64
	Parent        uint64 // of a substream
	Sub           bool
	Local, Remote sid.SID
	Target        Target
	Ours          bool // we opened it
	Priority      int32
	Link          LinkState

	Written, Acked   uint64    // by us, and of those by the peer
	Unsent           uint64    // written and not sent
	Received, Read   uint64    // from the peer, in order, and of those by our owner
	MayRecv, MaySend uint64    // granted and not used yet
	Datagrams        [2]uint64 // bytes of those sent, and of those taken
	Children         int
	Waiting          int // substreams and datagrams not taken

	RTT, MinRTT time.Duration // of the association; 0 while unknown
	Loss        float64       // share of its packets lost lately
	Window      int           // bytes it may have in flight
	InFlight    int           // bytes it has
}

// Stats tells what is known of the stream.
func (s *Stream) Stats() StreamStats {
	a := s.a
	st := StreamStats{
		ID: s.id, Parent: s.kin.id, Sub: s.kin.isSub, Local: a.pair.local, Remote: a.pair.remote, Target: s.target,
		Ours: s.id&1 == a.parity, Priority: s.priority, Link: s.Link(),
		Written: s.send.end, Acked: s.send.base, Unsent: s.send.end - s.send.next,
		Received: s.recv.have, Read: s.recv.base,
		MaySend: s.send.limit - min(s.send.limit, s.send.next), MayRecv: s.recv.limit - min(s.recv.limit, s.recv.highest),
		Waiting: s.Waiting(),
		RTT:     a.rtt.Smoothed(), MinRTT: a.rtt.Min(), Loss: float64(a.meter) / certain,
		Window: a.cc.window(), InFlight: a.out.bytes,
	}
	if s.family != nil {
		st.Datagrams = [2]uint64{s.family.datagrams.went, s.family.datagrams.came}
	}
	for range s.Children {
		st.Children++
	}
	return st
}

// Streams yields the streams that are not forgotten, those of one peer together.
func (e *Engine) Streams(yield func(*Stream) bool) {
	for _, a := range e.associations {
		for _, s := range a.streams {
			if !yield(s) {
				return
			}
		}
	}
}
