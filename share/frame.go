package share

import (
	"github.com/caracal-mesh/caracal/internal/wire"
)

// A kind is the type of a frame (spec F1).
type kind byte

const (
	kOffer kind = iota + 1
	kWait
	kAccept
	kReject
	kEntries
	kListed
	kHave
	kHad
	kFile
	kData
	kEnd
	kSkip
	kGot
	kDone
	kFail
	kKeep
	kList // from here on: spec F7
	kShare
	kListEnd
	kOpen
	kOpened
	kHashes
	kHashed
	kRead
	kChunk
)

// kLast is the last type there is.
const kLast = kChunk

// maxBody is the largest frame body in bytes (spec F1.2).
const maxBody = chunkSize + 64

// maxText bounds reasons and rules on the wire, in bytes.
const maxText = 1024

// REJECT codes (spec F1).
const (
	RejectedByPerson uint64 = iota + 1
	RejectedByRule
	RejectedNoSpace
	RejectedBusy
	RejectedOffer
	RejectedNoShare // spec F7.1
	RejectedSpent
)

// FAIL codes (spec F1).
const (
	FailVerify uint64 = iota + 1
	FailDiskFull
	FailIO
	FailProtocol
	FailStopped
	FailCancelled
)

// A frame is one frame as received; body belongs to the taker until released.
type frame struct {
	kind  kind
	body  []byte
	block *block // where the body of a chunk lies; nil for other frames
}

// appendText appends a length and at most maxText bytes of s.
func appendText(b []byte, s string) []byte {
	if len(s) > maxText {
		s = s[:maxText]
	}
	b = wire.AppendVarint(b, uint64(len(s)))
	return append(b, s...)
}

// readText takes what appendText wrote.
func readText(r *wire.Reader) string {
	n := r.Varint()
	if n > maxText {
		r.Fail()
		return ""
	}
	return string(r.Bytes(int(n)))
}

// readHash takes 32 bytes.
func readHash(r *wire.Reader) (h Hash) {
	copy(h[:], r.Bytes(len(h)))
	return h
}

// An offer is the body of OFFER.
type offer struct {
	id      Hash
	entries uint64
	files   uint64
	bytes   uint64
	names   []string // the first named paths, at most maxOfferNames
}

const (
	protocolVersion = 1
	maxOfferNames   = 8
)

func (o *offer) append(b []byte) []byte {
	b = wire.AppendVarint(b, protocolVersion)
	b = append(b, o.id[:]...)
	b = wire.AppendVarint(b, o.entries)
	b = wire.AppendVarint(b, o.files)
	b = wire.AppendVarint(b, o.bytes)
	b = wire.AppendVarint(b, uint64(len(o.names)))
	for _, n := range o.names {
		b = appendText(b, n)
	}
	return b
}

// parseOffer reads an OFFER body within the bounds of spec F2.2.
func parseOffer(body []byte) (o offer, err error) {
	r := wire.Read(body)
	if r.Varint() != protocolVersion {
		r.Fail()
	}
	o.id = readHash(&r)
	o.entries, o.files, o.bytes = r.Varint(), r.Varint(), r.Varint()
	n := r.Varint()
	if n > maxOfferNames || o.entries > maxEntries || o.files > o.entries {
		r.Fail()
	}
	for i := uint64(0); i < n && r.Err() == nil; i++ {
		o.names = append(o.names, readText(&r))
	}
	return o, r.End()
}

// A coded is the body of REJECT and FAIL.
type coded struct {
	code uint64
	text string
}

func (c coded) append(b []byte) []byte { return appendText(wire.AppendVarint(b, c.code), c.text) }

func parseCoded(body []byte) (c coded, err error) {
	r := wire.Read(body)
	c.code, c.text = r.Varint(), readText(&r)
	return c, r.End()
}

// A spot names a file, a length and the root of that much of it: the body of
// FILE, and one candidate of HAVE.
type spot struct {
	file   uint64
	length uint64
	root   Hash
}

// maxSpot is the longest encoding of a spot in bytes.
const maxSpot = 8 + 8 + 32

func (s spot) append(b []byte) []byte {
	b = wire.AppendVarint(wire.AppendVarint(b, s.file), s.length)
	return append(b, s.root[:]...)
}

func readSpot(r *wire.Reader) (s spot) {
	s.file, s.length, s.root = r.Varint(), r.Varint(), readHash(r)
	return s
}

// parseSpots reads a HAVE body, calling each for every candidate.
func parseSpots(body []byte, each func(spot)) error {
	r := wire.Read(body)
	for r.Len() > 0 {
		if s := readSpot(&r); r.Err() == nil {
			each(s)
		}
	}
	return r.End()
}

// A receipt is the body of GOT.
type receipt struct {
	file uint64
	root Hash
}

func (g receipt) append(b []byte) []byte {
	return append(wire.AppendVarint(b, g.file), g.root[:]...)
}

func parseReceipt(body []byte) (g receipt, err error) {
	r := wire.Read(body)
	g.file, g.root = r.Varint(), readHash(&r)
	return g, r.End()
}

// parseText reads the body of WAIT and ACCEPT.
func parseText(body []byte) (string, error) {
	r := wire.Read(body)
	s := readText(&r)
	return s, r.End()
}

// parseHash reads the body of END and DONE.
func parseHash(body []byte) (Hash, error) {
	r := wire.Read(body)
	h := readHash(&r)
	return h, r.End()
}
