package simnet

import (
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// Defaults of a LinkConfig.
const (
	DefaultMTU   = 1452    // bytes of UDP payload: Ethernet less IPv6 and UDP headers
	DefaultQueue = 128_000 // bytes waiting for a rate-limited port
)

// A LinkConfig says how a link treats the packets of one direction. The zero
// value is a perfect LAN: nothing lost, no delay, no limit of rate.
//
//	sender → MTU? → queue → rate → loss? → latency + jitter (+ reorder) → corrupt? → receiver
//	                                              ↳ duplicate, with a delay of its own
//
// Probabilities run from 0 to 1.
type LinkConfig struct {
	Kind    link.Kind     // what the node is told; the ports of a Radio share one transmitter
	Latency time.Duration // propagation, one way
	Jitter  time.Duration // evenly from 0 to this is added; by itself it never reorders
	Loss    float64       // of packets, each by itself
	Burst   Burst         // and of many at once

	Duplicate    float64       // packets that arrive a second time
	Reorder      float64       // packets held back by ReorderDelay, so that later ones overtake
	ReorderDelay time.Duration // 0 = 10 ms
	Corrupt      float64       // packets in which 1 to 8 bits are flipped

	Rate  uint64 // bit/s of UDP payload; 0 = unlimited
	Queue int    // bytes that may wait for the transmitter; 0 = DefaultQueue
	MTU   int    // largest UDP payload in bytes; 0 = DefaultMTU
}

// caps is what the node is told about such an interface.
func (c LinkConfig) caps(name string) link.Caps {
	return link.Caps{Name: name, Kind: c.Kind, MTU: c.mtu(), Broadcast: true, Bitrate: c.Rate}
}

func (c LinkConfig) mtu() int {
	if c.MTU > 0 {
		return c.MTU
	}
	return DefaultMTU
}

func (c LinkConfig) queue() int {
	if c.Queue > 0 {
		return c.Queue
	}
	return DefaultQueue
}

func (c LinkConfig) reorderDelay() time.Duration {
	if c.ReorderDelay > 0 {
		return c.ReorderDelay
	}
	return 10 * time.Millisecond
}

// airtime is how long size bytes occupy the transmitter.
func (c LinkConfig) airtime(size int) time.Duration {
	if c.Rate == 0 {
		return 0
	}
	return time.Duration(uint64(size) * 8 * uint64(time.Second) / c.Rate)
}

// A quality is a LinkConfig with its probabilities made ready for the dice.
type quality struct {
	LinkConfig
	loss, burst, duplicate, reorder, corrupt odds
}

func qualityOf(c LinkConfig) *quality {
	return &quality{c, oddsOf(c.Loss), oddsOf(c.Burst.Loss), oddsOf(c.Duplicate), oddsOf(c.Reorder), oddsOf(c.Corrupt)}
}
