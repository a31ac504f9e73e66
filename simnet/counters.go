package simnet

// A Reason says why the network dropped a packet.
type Reason uint8

// The reasons.
const (
	DropNoAddress Reason = iota // nobody has that address on that link
	DropUnplugged               // the sender's or the receiver's interface is gone
	DropTooLong                 // longer than the MTU
	DropQueue                   // no room before the transmitter
	DropLoss                    // the dice
	DropDown                    // the link is down
	DropPartition               // the two hosts are in different groups
	DropStopped                 // the receiver does not run
	DropBurst                   // the dice, in a bad time
	DropRange                   // the receiver is out of the radio's range
	DropCollision               // two packets overlapped at the receiver
	DropDeaf                    // the receiver was sending itself
	DropTTL                     // it may pass no more routers
	DropFiltered                // a NAT lets nobody in who was not spoken to, or knows no mapping
	DropFirewall                // a firewall blocks it
	DropPort                    // no socket has that port
	numReasons
)

var reasonNames = [numReasons]string{
	"no-address", "unplugged", "too-long", "queue", "loss", "down", "partition", "stopped",
	"burst", "range", "collision", "deaf", "ttl", "filtered", "firewall", "port",
}

// String names the reason as in transcripts.
func (r Reason) String() string { return reasonNames[r] }

// Counters count what happened to the packets sent from somewhere: a port, a
// link, a host. One broadcast is sent once and delivered or dropped once per
// receiver.
type Counters struct {
	Sent, SentBytes                  uint64
	Delivered, DeliveredBytes        uint64
	Duplicated, Reordered, Corrupted uint64
	Dropped                          [numReasons]uint64 // by Reason
}

// Drops is the number of packets dropped, for whatever reason.
func (c Counters) Drops() (n uint64) {
	for _, d := range c.Dropped {
		n += d
	}
	return n
}

// Add adds other to c.
func (c *Counters) Add(other Counters) {
	c.Sent += other.Sent
	c.SentBytes += other.SentBytes
	c.Delivered += other.Delivered
	c.DeliveredBytes += other.DeliveredBytes
	c.Duplicated += other.Duplicated
	c.Reordered += other.Reordered
	c.Corrupted += other.Corrupted
	for i, d := range other.Dropped {
		c.Dropped[i] += d
	}
}
