package simnet

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

const tcpSize = 1400 // bytes of a packet

// A tcp sends without end as TCP with CUBIC does (RFC 9438, and RFC 6675 in the rough): what shares the queue of a
// stranger's router with us. It counts in packets, and is written apart from msp's so that no mistake is in both.
type tcp struct {
	to            link.Path
	next, recover uint32 // numbers of packets: to be sent, and below which loss is answered already
	flying        []tcpPacket
	cwnd, ssthr   float64
	wMax, k, reno float64
	epoch         time.Time
	srtt          time.Duration
	heard         time.Time
}

type tcpPacket struct {
	number uint32
	at     time.Time
}

// tcpPatience is for how long nothing is acknowledged before all in flight is given up (RFC 6298).
const tcpPatience = time.Second

func newTCP(to link.Path) *tcp { return &tcp{to: to, cwnd: 10, ssthr: 1e9} }

// addTCP adds a host with a tcp, and one that it sends to, which is returned.
func (w *World) addTCP(from, to *Link) *tcpSink {
	sink := &tcpSink{}
	far := w.AddMachine("tcp-sink", func(time.Time, uint32) Machine { return sink })
	to.Attach(far)
	near := w.AddMachine("tcp", func(time.Time, uint32) Machine { return newTCP(to.Beyond(far)) })
	from.Attach(near)
	return sink
}

func (c *tcp) SetInterface(time.Time, uint32, link.Caps) {}
func (c *tcp) RemoveInterface(time.Time, uint32)         {}

// Receive takes an acknowledgement: the number of one packet.
func (c *tcp) Receive(now time.Time, _ link.Path, p []byte) {
	if len(p) != 4 {
		return // a node that looks for others
	}
	number := binary.BigEndian.Uint32(p)
	keep, lost := c.flying[:0], false
	for _, f := range c.flying {
		switch {
		case f.number == number:
			c.heard = now
			if rtt := now.Sub(f.at); c.srtt == 0 {
				c.srtt = rtt
			} else {
				c.srtt += (rtt - c.srtt) / 8
			}
			c.grow(now)
		case f.number+3 <= number:
			lost = lost || f.number >= c.recover
		default:
			keep = append(keep, f)
		}
	}
	if c.flying = keep; lost {
		c.cut(now)
	}
}

func (c *tcp) grow(now time.Time) {
	if c.cwnd < c.ssthr {
		c.cwnd++
		return
	}
	t := (now.Sub(c.epoch) + c.srtt).Seconds()
	target := min(max(0.4*math.Pow(t-c.k, 3)+c.wMax, c.cwnd), 1.5*c.cwnd)
	c.reno += 3 * 0.3 / 1.7 / c.cwnd
	c.cwnd = max(c.cwnd+(target-c.cwnd)/c.cwnd, c.reno)
}

func (c *tcp) cut(now time.Time) {
	if c.recover = c.next; c.cwnd < c.wMax {
		c.wMax = c.cwnd * 0.85 // RFC 9438 §4.7
	} else {
		c.wMax = c.cwnd
	}
	c.cwnd = max(0.7*c.cwnd, 2)
	c.ssthr, c.reno, c.epoch = c.cwnd, c.cwnd, now
	c.k = math.Cbrt((c.wMax - c.cwnd) / 0.4)
}

func (c *tcp) Processing(now time.Time, out *link.Batch) time.Time {
	if len(c.flying) > 0 && now.Sub(c.heard) >= tcpPatience {
		c.cut(now)
		c.cwnd, c.flying = 1, nil
	}
	for len(c.flying) < int(c.cwnd) {
		var p [tcpSize]byte
		binary.BigEndian.PutUint32(p[:], c.next)
		if !out.Append(c.to, p[:]) {
			return now
		}
		if len(c.flying) == 0 {
			c.heard = now
		}
		c.flying = append(c.flying, tcpPacket{c.next, now})
		c.next++
	}
	return c.heard.Add(tcpPatience)
}

// A tcpSink acknowledges every packet.
type tcpSink struct {
	got  int // bytes
	owed []tcpAck
}

type tcpAck struct {
	to     link.Path
	number [4]byte
}

func (s *tcpSink) SetInterface(time.Time, uint32, link.Caps) {}
func (s *tcpSink) RemoveInterface(time.Time, uint32)         {}

func (s *tcpSink) Receive(_ time.Time, from link.Path, p []byte) {
	if len(p) == tcpSize {
		s.got += len(p)
		s.owed = append(s.owed, tcpAck{from, [4]byte(p)})
	}
}

func (s *tcpSink) Processing(now time.Time, out *link.Batch) time.Time {
	for i, a := range s.owed {
		if !out.Append(a.to, a.number[:]) {
			s.owed = s.owed[i:]
			return now
		}
	}
	s.owed = s.owed[:0]
	return time.Time{}
}
