package wire

import "encoding/binary"

// The sizes of a cookie message (spec S6.2).
const (
	CookieSize        = MACSize
	CookieNonceSize   = 24
	cookieSealed      = CookieSize + 16
	CookieMessageSize = HandshakeHeadSize + CookieNonceSize + cookieSealed
)

// A Cookie asks the sender of a handshake 1 to prove its address (spec S6.2):
//
//	0    1     2       3   4               8          32
//	┌────┬─────┬───────┬───┬───────────────┬──────────┬──────────────────┬────────┐
//	│ C3 │ ver │ flags │ 0 │ initiator's   │ nonce 24 │ sealed:          │ tag 16 │
//	│    │     │       │   │ index 4       │          │ cookie 16        │        │
//	└────┴─────┴───────┴───┴───────────────┴──────────┴──────────────────┴────────┘
//
// Its slices are borrowed from the message.
type Cookie struct {
	Index  uint32
	Nonce  []byte
	Sealed []byte
}

// ParseCookie takes a cookie message apart, nothing of it opened.
func ParseCookie(msg []byte) (Cookie, error) {
	if len(msg) != CookieMessageSize || msg[0] != TypeCookie || msg[1] != SessionVersion || msg[2] != 0 || msg[3] != 0 {
		return Cookie{}, ErrMalformed
	}
	sealed := HandshakeHeadSize + CookieNonceSize
	return Cookie{
		Index:  binary.BigEndian.Uint32(msg[4:]),
		Nonce:  msg[HandshakeHeadSize:sealed],
		Sealed: msg[sealed:],
	}, nil
}

// HandshakeMACs are the places of mac1 and mac2 in a whole handshake message, and what
// mac1 authenticates: all before it (spec S2.5).
func HandshakeMACs(msg []byte) (covered, mac1, mac2 []byte) {
	at := len(msg) - 2*MACSize
	return msg[:at:at], msg[at : at+MACSize : at+MACSize], msg[at+MACSize:]
}
