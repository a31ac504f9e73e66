package share

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/zeebo/blake3"
)

// A Hash is 32 bytes of BLAKE3.
type Hash [32]byte

// String is the hash in hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// chunkSize is the unit of content in bytes (spec F4.1).
const chunkSize = 64 << 10

// groupSize is the distance of the points at which a partial file can be
// continued, and of syncs, in bytes (spec F5.2, F5.5). A multiple of chunkSize.
const groupSize = 8 << 20

// chunkHash is the hash of one chunk (spec F4.1).
func chunkHash(chunk []byte) Hash { return blake3.Sum256(chunk) }

// A rootHash grows with a file, chunk by chunk (spec F4.2).
type rootHash struct {
	h      *blake3.Hasher
	length uint64
}

func newRootHash() *rootHash {
	return &rootHash{h: blake3.NewDeriveKey("caracal.files/1 root")}
}

// add takes the next chunk's hash and its length in bytes.
func (r *rootHash) add(chunk Hash, n int) {
	r.h.Write(chunk[:])
	r.length += uint64(n)
}

// root is the root of what was added; more can be added after it.
func (r *rootHash) root() (sum Hash) {
	h := r.h.Clone()
	h.Write(binary.BigEndian.AppendUint64(nil, r.length))
	h.Sum(sum[:0])
	return sum
}

// derived is BLAKE3-derive-key over the parts.
func derived(context string, parts ...[]byte) (sum Hash) {
	h := blake3.NewDeriveKey(context)
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(sum[:0])
	return sum
}

// A transferHash covers the roots of all files in order (spec F4.4).
type transferHash struct{ h *blake3.Hasher }

func newTransferHash() transferHash {
	return transferHash{blake3.NewDeriveKey("caracal.files/1 transfer")}
}

func (t transferHash) add(root Hash) { t.h.Write(root[:]) }

func (t transferHash) sum() (sum Hash) {
	t.h.Sum(sum[:0])
	return sum
}
