package wire

import "encoding/binary"

// MaxRoute is the most nodes that a Route names.
const MaxRoute = 14

// A Route is the way that the source of a packet has chosen (spec O15.1):
//
//	│ type 1 │ n 4 bit, next 4 bit │ n × hint 2 │
type Route struct {
	Hints [MaxRoute]uint16 // of the nodes between source and destination, in order
	N     uint8            // how many; 0 = no route
	Next  uint8            // the place of the one to whom the receiver passes it on; N = the destination
}

// HintOf is how a Route names a node.
func HintOf(n NID) uint16 { return binary.BigEndian.Uint16(n[:]) }

// Size is what the frame takes, 0 for no route.
func (t *Route) Size() int {
	if t.N == 0 {
		return 0
	}
	return 2 + 2*int(t.N)
}

// AppendRoute appends the frame of a route that is none.
func AppendRoute(b []byte, t *Route) []byte {
	b = append(b, FrameRoute, t.N<<4|t.Next)
	for _, h := range t.Hints[:t.N] {
		b = binary.BigEndian.AppendUint16(b, h)
	}
	return b
}

// Route takes the frame whose type has been read.
func (r *Reader) Route(t *Route) {
	packed := r.Uint8()
	t.N, t.Next = packed>>4, packed&0xf
	if t.N == 0 || t.N > MaxRoute || t.Next > t.N+1 {
		t.N = 0
		r.Fail()
		return
	}
	for i := range t.N {
		t.Hints[i] = r.Uint16()
	}
}
