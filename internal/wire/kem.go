package wire

import "encoding/binary"

// The sizes of what an exchange of ML-KEM-768 sends (FIPS 203, table 3), and of the pieces
// that it is cut into (spec S7.2).
const (
	KEMKeySize    = 1184
	KEMAnswerSize = 1088
	KEMPieceSize  = 400
	KEMPieces     = 3 // of either
	kemHead       = 5
	MaxKEMPiece   = kemHead + KEMPieceSize
	kemAnswer     = 0x80
)

// A KEMPiece is a piece of an encapsulation key, or of the ciphertext that answers it (spec S7.2):
//
//	│ run 4 │ part 1 │ bytes, 400 or what is left │
//
// part is the number of the piece, and 0x80 more in an answer.
type KEMPiece struct {
	Run    uint32
	Answer bool
	N      int
	Bytes  []byte // borrowed
}

// AppendKEMPiece appends the nth piece of all, which is a whole key or answer.
func AppendKEMPiece(b []byte, run uint32, answer bool, n int, all []byte) []byte {
	part := byte(n)
	if answer {
		part |= kemAnswer
	}
	b = append(binary.BigEndian.AppendUint32(b, run), part)
	return append(b, all[n*KEMPieceSize:min((n+1)*KEMPieceSize, len(all))]...)
}

// ParseKEMPiece reads a piece.
func ParseKEMPiece(b []byte) (p KEMPiece, err error) {
	r := Read(b)
	p.Run = r.Uint32()
	part := r.Uint8()
	p.Answer, p.N = part&kemAnswer != 0, int(part&^kemAnswer)
	p.Bytes = r.Rest()
	size := KEMKeySize
	if p.Answer {
		size = KEMAnswerSize
	}
	if r.Err() != nil || p.N >= KEMPieces || len(p.Bytes) != min(KEMPieceSize, size-p.N*KEMPieceSize) {
		return KEMPiece{}, ErrMalformed
	}
	return p, nil
}

// AppendKEMFrame appends the link frame that carries a piece (spec O4.8):
//
//	│ type 1 │ length 2 │ piece │
func AppendKEMFrame(b, piece []byte) []byte {
	return append(binary.BigEndian.AppendUint16(append(b, FrameKEM), uint16(len(piece))), piece...)
}

// KEM takes the frame whose type has been read; piece is borrowed.
func (r *Reader) KEM() (piece []byte) { return r.Bytes(int(r.Uint16())) }

// controlKEM is the code of a piece from port 0 to port 0 (spec D6.4).
const controlKEM = 7

// AppendKEMControl appends what carries a piece end to end, behind the ports:
//
//	│ code 7 │ piece │
func AppendKEMControl(b, piece []byte) []byte { return append(append(b, controlKEM), piece...) }

// ParseKEMControl reads it; ok is false for anything else.
func ParseKEMControl(b []byte) (piece []byte, ok bool) {
	r := Read(b)
	ok = r.Uint8() == controlKEM
	return r.Rest(), ok
}
