package share

import (
	"slices"
	"testing"

	"github.com/zeebo/blake3"
)

// Our tree is BLAKE3's, wherever a chunk ends, and whatever lies behind it in memory.
func TestChunkHashIsBLAKE3(t *testing.T) { // spec F4.1
	content := random(1, chunkSize+pieceSize)
	lengths := []int{chunkSize}
	for n := 0; n < chunkSize; n += 1 + n/23 {
		lengths = append(lengths, n)
	}
	for n := 1024; n < chunkSize; n += 1024 {
		lengths = append(lengths, n-1, n, n+1)
	}
	for _, n := range lengths {
		want := Hash(blake3.Sum256(content[:n]))
		if chunkHash(content[:n]) != want || chunkHash(slices.Clip(slices.Clone(content[:n]))) != want {
			t.Fatalf("%d bytes", n)
		}
	}
}
