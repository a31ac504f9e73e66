package share

import (
	"github.com/zeebo/blake3"
	"lukechampine.com/blake3/guts"
)

// pieceSize is how much of a chunk is hashed side by side, in bytes: as many of BLAKE3's own chunks as the widest vectors have
// room for.
const pieceSize = guts.MaxSIMD * guts.ChunkSize

// chunkHash is the hash of one chunk, BLAKE3 of at most chunkSize bytes (spec F4.1). Hashing is half of what a file costs more than
// a stream does, so the tree is put together here, of pieces that a library with wider vectors hashes (ADR 0069).
//
//	     root
//	  ┌────┴────┐
//	┌─┴─┐     ┌─┴─┐
//	0   1     2   3     pieces, of which the last may be short
func chunkHash(chunk []byte) (sum Hash) {
	if len(chunk) < pieceSize {
		return blake3.Sum256(chunk)
	}
	var values [chunkSize / pieceSize][8]uint32
	var node guts.Node
	n := 0
	for rest := chunk; len(rest) > 0; n++ {
		size := min(pieceSize, len(rest))
		node = guts.CompressBuffer(piece(rest), size, &guts.IV, uint64(n*guts.MaxSIMD), 0)
		values[n] = guts.ChainingValue(node)
		rest = rest[size:]
	}
	switch n {
	case 2:
		node = parent(values[0], values[1])
	case 3:
		node = parent(guts.ChainingValue(parent(values[0], values[1])), values[2])
	case 4:
		node = parent(guts.ChainingValue(parent(values[0], values[1])), guts.ChainingValue(parent(values[2], values[3])))
	}
	node.Flags |= guts.FlagRoot
	words := guts.WordsToBytes(guts.CompressNode(node))
	copy(sum[:], words[:])
	return sum
}

func parent(left, right [8]uint32) guts.Node { return guts.ParentNode(left, right, &guts.IV, 0) }

// piece is the beginning of b as guts wants it: there must be so much memory, though not all of it counts.
func piece(b []byte) *[pieceSize]byte {
	if cap(b) >= pieceSize {
		return (*[pieceSize]byte)(b[:pieceSize])
	}
	whole := new([pieceSize]byte)
	copy(whole[:], b)
	return whole
}
