package simnet

import (
	"io"
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/internal/pcapng"
)

// maxCapture bounds the file of a capture, in bytes.
const maxCapture = 512_000_000

// A capture writes what ports send and receive as pcapng, an interface for each port, with IP and UDP headers around our
// datagrams.
type capture struct {
	to     *pcapng.Writer
	ids    map[*port]uint32
	buf    []byte
	missed uint64 // packets beyond the bound
}

func newCapture(to io.Writer) *capture {
	return &capture{to: pcapng.NewWriter(to, "caracal simulation"), ids: map[*port]uint32{}}
}

// packet takes down a packet event: what is sent at the sender, what arrives at
// the receiver.
func (c *capture) packet(now time.Time, f fate, _ Reason, from, to *port, data []byte) {
	at, direction := from, uint32(pcapng.Outbound)
	switch f {
	case fateDropped:
		return
	case fateArrived:
		at, direction = to, pcapng.Inbound
	}
	if c.to.Size()+len(data)+400 > maxCapture || c.to.Err() != nil {
		c.missed++
		return
	}
	dst := netip.AddrFrom4([4]byte{255, 255, 255, 255}) // everybody
	if to != nil {
		dst = to.addr.Addr()
	}
	c.buf = pcapng.AppendUDP(c.buf[:0], netip.AddrPortFrom(from.addr.Addr(), Port), netip.AddrPortFrom(dst, Port), data)
	c.to.Packet(c.iface(at), now, direction, c.buf, 0)
}

// iface is the number of the port's interface, described when it is first used.
func (c *capture) iface(p *port) uint32 {
	id, known := c.ids[p]
	if !known {
		id = c.to.Interface(p.host.name+" "+p.link.name, pcapng.LinkRaw)
		c.ids[p] = id
	}
	return id
}
