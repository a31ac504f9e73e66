package mdp

import "time"

// Bounds of the packets that wait for the handshake 2 they have overtaken (spec D3.10).
const (
	maxOvertaking      = 8         // of one pair
	maxOvertakingBytes = 128 << 10 // in all
)

// keepOvertaking keeps a data packet that names a handshake of ours under way: it may have overtaken the
// handshake 2 that will open it. It reports false when it names none.
func (s *Switch) keepOvertaking(packet []byte) bool {
	keys := s.table.Awaits(packet)
	if keys == nil {
		return false
	}
	p := keys.Owner.(*peer)
	if len(p.overtaking) == maxOvertaking || s.overtakingBytes+len(packet) > maxOvertakingBytes {
		s.stats.OvertakingDropped++
		return true
	}
	p.overtaking = append(p.overtaking, append([]byte(nil), packet...))
	s.overtakingBytes += len(packet)
	return true
}

// takeOvertaking delivers what has waited for the handshake 2 that came now.
func (s *Switch) takeOvertaking(now time.Time, p *peer) {
	for _, packet := range s.emptyOvertaking(p) {
		s.deliverData(now, packet)
	}
}

// overtakingProcessing gives up what waits for a handshake 2 that cannot come any more.
func (s *Switch) overtakingProcessing(p *peer) {
	if len(p.overtaking) > 0 && !p.keys.Handshaking() {
		s.dropOvertaking(p)
	}
}

func (s *Switch) dropOvertaking(p *peer) {
	s.stats.OvertakingDropped += uint64(len(s.emptyOvertaking(p)))
}

// emptyOvertaking gives what waits, and forgets it.
func (s *Switch) emptyOvertaking(p *peer) [][]byte {
	packets := p.overtaking
	p.overtaking = nil
	for _, packet := range packets {
		s.overtakingBytes -= len(packet)
	}
	return packets
}
