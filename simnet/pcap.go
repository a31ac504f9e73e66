package simnet

import (
	"encoding/binary"
	"io"
	"net/netip"
	"time"
)

// Bounds of a capture.
const (
	maxCapture   = 512_000_000 // bytes of file
	captureTypes = 101         // LINKTYPE_RAW: IP without a link header
)

// A capture writes what ports send and receive as pcapng (draft-ietf-opsawg-pcapng),
// an interface for each port, with IP and UDP headers around our datagrams.
type capture struct {
	to     io.Writer
	ids    map[*port]uint32
	buf    []byte
	size   int
	missed uint64 // packets beyond the bound
	err    error
}

func newCapture(to io.Writer) *capture {
	c := &capture{to: to, ids: map[*port]uint32{}}
	b := binary.LittleEndian.AppendUint32(nil, 0x1A2B3C4D)
	b = append(b, 1, 0, 0, 0)                            // version 1.0
	b = binary.LittleEndian.AppendUint64(b, ^uint64(0))  // a section of any length
	b = appendOption(b, 4, []byte("caracal simulation")) // shb_userappl
	c.block(0x0A0D0D0A, appendOption(b, 0, nil))
	return c
}

// packet takes down a packet event: what is sent at the sender, what arrives at
// the receiver.
func (c *capture) packet(now time.Time, f fate, _ Reason, from, to *port, data []byte) {
	at, flags := from, uint32(2) // outbound
	switch f {
	case fateDropped:
		return
	case fateArrived:
		at, flags = to, 1
	}
	if c.size+len(data)+400 > maxCapture || c.err != nil {
		c.missed++
		return
	}
	id := c.iface(at)
	everybody := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	dst := everybody
	if to != nil {
		dst = to.addr.Addr()
	}
	ip := appendIP(c.buf[:0], from.addr.Addr(), dst, data)
	c.buf = ip
	t := uint64(now.UnixNano())
	b := binary.LittleEndian.AppendUint32(nil, id)
	b = binary.LittleEndian.AppendUint32(b, uint32(t>>32))
	b = binary.LittleEndian.AppendUint32(b, uint32(t))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(ip)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(ip)))
	b = pad(append(b, ip...))
	b = appendOption(b, 2, binary.LittleEndian.AppendUint32(nil, flags)) // epb_flags
	c.block(6, appendOption(b, 0, nil))
}

// iface is the number of the port's interface, described when it is first used.
func (c *capture) iface(p *port) uint32 {
	id, known := c.ids[p]
	if !known {
		id = uint32(len(c.ids))
		c.ids[p] = id
		b := binary.LittleEndian.AppendUint32(nil, captureTypes) // and 2 bytes reserved
		b = binary.LittleEndian.AppendUint32(b, 0)               // no snap length
		b = appendOption(b, 2, []byte(p.host.name+" "+p.link.name))
		b = appendOption(b, 9, []byte{9}) // if_tsresol: nanoseconds
		c.block(1, appendOption(b, 0, nil))
	}
	return id
}

// block writes one block: type, length, body, length.
func (c *capture) block(kind uint32, body []byte) {
	length := uint32(len(body) + 12)
	b := binary.LittleEndian.AppendUint32(nil, kind)
	b = binary.LittleEndian.AppendUint32(b, length)
	b = binary.LittleEndian.AppendUint32(append(b, body...), length)
	c.size += len(b)
	if c.err == nil {
		_, c.err = c.to.Write(b)
	}
}

func appendOption(b []byte, code uint16, value []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return pad(append(b, value...))
}

func pad(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }

// appendIP appends IPv4 and UDP headers (RFC 791 §3.1, RFC 768) and the datagram.
func appendIP(b []byte, src, dst netip.Addr, data []byte) []byte {
	s, d := src.As4(), dst.As4()
	length := uint16(min(28+len(data), 65535))
	h := []byte{0x45, 0, byte(length >> 8), byte(length), 0, 0, 0x40, 0, 64, 17, 0, 0}
	h = append(append(h, s[:]...), d[:]...)
	binary.BigEndian.PutUint16(h[10:], ^sum16(0, h))
	udp := length - 20
	b = append(b, h...)
	at := len(b)
	b = binary.BigEndian.AppendUint16(b, Port)
	b = binary.BigEndian.AppendUint16(b, Port)
	b = binary.BigEndian.AppendUint16(b, udp)
	b = append(append(b, 0, 0), data...)
	check := ^sum16(17+uint32(udp)+uint32(sum16(0, h[12:20])), b[at:])
	if check == 0 {
		check = 0xffff
	}
	binary.BigEndian.PutUint16(b[at+6:], check)
	return b
}

// sum16 is the ones' complement sum (RFC 1071), begun with what is given.
func sum16(sum uint32, b []byte) uint16 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
