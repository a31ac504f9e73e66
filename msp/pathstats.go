package msp

import "time"

// PathStats is what an association knows of the path to its peer. All its streams share it. RTT is what packets take:
// queues and the repairs of lossy hops are in it; MinRTT is the path's own.
type PathStats struct {
	RTT, MinRTT, RTTVar time.Duration // smoothed, smallest, mean deviation; zero before the first sample
	Window, InFlight    int           // bytes: what may be on its way unacknowledged, and what is
	Rate                int64         // bytes a second at which packets leave; 0 = not paced
	PacketSize          int           // bytes a packet may have (spec M13)
	Model               bool          // paced by a model of the path, not by CUBIC (spec M9.6)
	Noise               float64       // share of packets that the path loses without a queue (spec M9.5)

	PacketsOut, PacketsIn uint64 // sent; received, without duplicates
	BytesOut, BytesIn     uint64 // of these packets
	Lost                  uint64 // sent and not received, as far as known
}

// Loss is the share of packets sent that were lost.
func (p PathStats) Loss() float64 { return float64(p.Lost) / float64(max(p.PacketsOut, 1)) }

// PathStats tells of the path to the stream's peer.
func (s *Stream) PathStats() PathStats {
	a := s.a
	p := a.count
	if a.rtt.Valid() {
		p.RTT, p.MinRTT, p.RTTVar = a.rtt.Smoothed(), a.rtt.Min(), a.rtt.Var()
	}
	p.Window, p.InFlight, p.Rate, p.PacketSize = a.cc.window(), a.out.bytes, a.paceRate(), a.packet
	_, p.Model = a.cc.(*pathModel)
	p.Noise = float64(a.noise.share()) / certain
	return p
}
