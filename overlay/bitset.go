package overlay

// A bitset is a set of small numbers. It grows as it must.
type bitset []uint64

func (b bitset) has(i uint16) bool {
	return int(i/64) < len(b) && b[i/64]>>(i%64)&1 != 0
}

func (b *bitset) set(i uint16) {
	for int(i/64) >= len(*b) {
		*b = append(*b, 0)
	}
	(*b)[i/64] |= 1 << (i % 64)
}

func (b bitset) clear(i uint16) {
	if int(i/64) < len(b) {
		b[i/64] &^= 1 << (i % 64)
	}
}
