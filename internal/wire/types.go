package wire

// The first byte of every message of ours: 0xC0 to 0xCF, the low nibble is the
// type (docs/spec/overlay.md). Anything else that arrives is not ours.
const (
	TypeBeacon     = 0xC0 // "here I am", to everybody on a link
	TypeHandshake1 = 0xC1 // begins a session
	TypeHandshake2 = 0xC2 // answers it
	TypeCookie     = 0xC3 // answers it under load: prove your address first
	TypeData       = 0xC4 // sealed under a session
	TypeProbe      = 0xC5 // padded: does a path carry this size
	TypeFragment   = 0xC6 // a part of one that is longer than its link carries
)
