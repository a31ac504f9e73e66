// Package pcapng writes packets as Wireshark and tcpdump read them (draft-ietf-opsawg-pcapng), and gives bare datagrams the
// IP and UDP headers that those want to see.
package pcapng

import (
	"encoding/binary"
	"io"
	"net/netip"
	"time"
)

// What an interface's packets begin with.
const (
	LinkRaw      = 101 // an IP header
	LinkExported = 252 // tags that name the dissector (Wireshark's exported PDU)
)

// The directions of a packet.
const (
	Inbound  = 1
	Outbound = 2
)

// The types of blocks and options used here.
const (
	blockSection   = 0x0A0D0D0A
	blockInterface = 1
	blockPacket    = 6
	magic          = 0x1A2B3C4D
	optEnd         = 0
	optName        = 2 // if_name
	optResolution  = 9 // if_tsresol
	optProgram     = 4 // shb_userappl
	optFlags       = 2 // epb_flags
	optDropped     = 4 // epb_dropcount
)

// A Writer writes one section. After an error it writes no more.
type Writer struct {
	to     io.Writer
	ifaces uint32
	size   int
	err    error
	body   []byte
	block  []byte
}

// NewWriter begins a section, made by the named program.
func NewWriter(to io.Writer, program string) *Writer {
	w := &Writer{to: to}
	b := binary.LittleEndian.AppendUint32(nil, magic)
	b = append(b, 1, 0, 0, 0)                           // version 1.0
	b = binary.LittleEndian.AppendUint64(b, ^uint64(0)) // a section of any length
	b = option(b, optProgram, []byte(program))
	w.put(blockSection, option(b, optEnd, nil))
	return w
}

// Interface describes an interface and gives its number.
func (w *Writer) Interface(name string, link uint16) uint32 {
	b := binary.LittleEndian.AppendUint32(nil, uint32(link)) // and 2 bytes reserved
	b = binary.LittleEndian.AppendUint32(b, 0)               // no snap length
	b = option(b, optName, []byte(name))
	b = option(b, optResolution, []byte{9}) // nanoseconds
	w.put(blockInterface, option(b, optEnd, nil))
	w.ifaces++
	return w.ifaces - 1
}

// Packet writes a packet of an interface; dropped is how many were lost before it.
func (w *Writer) Packet(iface uint32, at time.Time, direction uint32, data []byte, dropped uint64) {
	t := uint64(at.UnixNano())
	b := binary.LittleEndian.AppendUint32(w.body[:0], iface)
	b = binary.LittleEndian.AppendUint32(b, uint32(t>>32))
	b = binary.LittleEndian.AppendUint32(b, uint32(t))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = pad(append(b, data...))
	b = option(b, optFlags, binary.LittleEndian.AppendUint32(nil, direction))
	if dropped > 0 {
		b = option(b, optDropped, binary.LittleEndian.AppendUint64(nil, dropped))
	}
	w.body = option(b, optEnd, nil)
	w.put(blockPacket, w.body)
}

// Size is how many bytes were written.
func (w *Writer) Size() int { return w.size }

// Err is the first error.
func (w *Writer) Err() error { return w.err }

// put writes one block: type, length, body, length.
func (w *Writer) put(kind uint32, body []byte) {
	length := uint32(len(body) + 12)
	b := binary.LittleEndian.AppendUint32(w.block[:0], kind)
	b = binary.LittleEndian.AppendUint32(b, length)
	w.block = binary.LittleEndian.AppendUint32(append(b, body...), length)
	w.size += len(w.block)
	if w.err == nil {
		_, w.err = w.to.Write(w.block)
	}
}

func option(b []byte, code uint16, value []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return pad(append(b, value...))
}

func pad(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }

// AppendUDP appends the headers of IPv4 (RFC 791 §3.1) or IPv6 (RFC 8200 §3) and of UDP (RFC 768), and the datagram. An
// invalid address is that of nobody; of two families the destination's counts.
func AppendUDP(b []byte, from, to netip.AddrPort, data []byte) []byte {
	src, dst := from.Addr().Unmap().WithZone(""), to.Addr().Unmap().WithZone("")
	if !dst.IsValid() {
		dst = netip.IPv4Unspecified()
	}
	if src.BitLen() != dst.BitLen() {
		src = netip.IPv4Unspecified()
		if dst.Is6() {
			src = netip.IPv6Unspecified()
		}
	}
	var pseudo uint32 // sum of the addresses
	udp := uint16(min(8+len(data), 65515))
	if dst.Is6() {
		b = append(b, 0x60, 0, 0, 0, byte(udp>>8), byte(udp), 17, 64)
		pseudo = addresses(&b, src, dst)
	} else {
		at := len(b)
		length := udp + 20
		b = append(b, 0x45, 0, byte(length>>8), byte(length), 0, 0, 0x40, 0, 64, 17, 0, 0)
		pseudo = addresses(&b, src, dst)
		binary.BigEndian.PutUint16(b[at+10:], ^sum16(0, b[at:]))
	}
	at := len(b)
	b = binary.BigEndian.AppendUint16(b, from.Port())
	b = binary.BigEndian.AppendUint16(b, to.Port())
	b = binary.BigEndian.AppendUint16(b, udp)
	b = append(append(b, 0, 0), data...)
	check := ^sum16(17+uint32(udp)+pseudo, b[at:])
	if check == 0 {
		check = 0xffff
	}
	binary.BigEndian.PutUint16(b[at+6:], check)
	return b
}

// addresses appends two addresses and gives their sum.
func addresses(b *[]byte, src, dst netip.Addr) uint32 {
	at := len(*b)
	*b = append(append(*b, src.AsSlice()...), dst.AsSlice()...)
	return uint32(sum16(0, (*b)[at:]))
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

// The tags before an exported packet (Wireshark, epan/exported_pdu.h).
const (
	tagEnd       = 0
	tagDissector = 12
)

// AppendExported appends the tags by which Wireshark finds the named dissector; the packet follows.
func AppendExported(b []byte, dissector string) []byte {
	b = binary.BigEndian.AppendUint16(b, tagDissector)
	padded := (len(dissector) + 3) &^ 3
	b = binary.BigEndian.AppendUint16(b, uint16(padded))
	b = append(append(b, dissector...), make([]byte, padded-len(dissector))...)
	return append(b, 0, tagEnd, 0, 0)
}
