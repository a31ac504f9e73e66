package wire

import "encoding/binary"

// FragmentHead is the length of a fragment without its piece.
const FragmentHead = 4

// MaxFragments is the most fragments of one datagram.
const MaxFragments = 12

// A Fragment is a part of a datagram that is longer than its link carries (spec O14.1):
//
//	│ C6 │ id 2 │ index 4 bit, last index 4 bit │ piece … │
type Fragment struct {
	ID          uint16
	Index, Last int
	Piece       []byte // not empty; of all but the last one the same length
}

// AppendFragment appends the fragment.
func AppendFragment(b []byte, f *Fragment) []byte {
	return append(appendFragmentHead(b, f.ID, f.Index, f.Last), f.Piece...)
}

func appendFragmentHead(b []byte, id uint16, index, last int) []byte {
	return append(binary.BigEndian.AppendUint16(append(b, TypeFragment), id), byte(index<<4|last))
}

// CutFragments lays a datagram out in b as fragments of segment bytes each, the last of what is left, and returns their sum. Its
// first head bytes, less than a piece, are in b already, behind FragmentHead bytes of room; rest, not empty, are the others.
func CutFragments(b []byte, id uint16, head int, rest []byte, segment int) (total int) {
	last := (head + len(rest) - 1) / (segment - FragmentHead)
	for i := 0; i <= last; i++ {
		at := b[i*segment:][:segment]
		appendFragmentHead(at[:0], id, i, last)
		begin := FragmentHead + head
		head = 0
		n := copy(at[begin:], rest)
		rest = rest[n:]
		total += begin + n
	}
	return total
}

// ParseFragment reads a fragment. The piece is borrowed.
func ParseFragment(msg []byte) (f Fragment, err error) {
	r := Read(msg)
	if r.Uint8() != TypeFragment {
		r.Fail()
	}
	f.ID = r.Uint16()
	place := r.Uint8()
	f.Index, f.Last = int(place>>4), int(place&15)
	f.Piece = r.Bytes(r.Len())
	if len(f.Piece) == 0 || f.Index > f.Last || f.Last == 0 || f.Last >= MaxFragments {
		r.Fail()
	}
	return f, r.Err()
}
