package share

import (
	"encoding/binary"
	"encoding/hex"
	"sync"

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

// hashers keeps what is large to make: a hasher for each context of key derivation.
var hashers sync.Map // context → *sync.Pool

// hasher is one for the context, as if it were new.
func hasher(context string) *blake3.Hasher {
	pool, ok := hashers.Load(context)
	if !ok {
		pool, _ = hashers.LoadOrStore(context, &sync.Pool{New: func() any { return blake3.NewDeriveKey(context) }})
	}
	h := pool.(*sync.Pool).Get().(*blake3.Hasher)
	h.Reset()
	return h
}

// release gives a hasher back.
func release(context string, h *blake3.Hasher) {
	if pool, ok := hashers.Load(context); ok {
		pool.(*sync.Pool).Put(h)
	}
}

const rootDomain = "caracal.files/1 root"

// A rootHash grows with a file, chunk by chunk (spec F4.2).
type rootHash struct {
	h      *blake3.Hasher
	length uint64
}

func newRootHash() *rootHash { return &rootHash{h: hasher(rootDomain)} }

// add takes the next chunk's hash and its length in bytes.
func (r *rootHash) add(chunk Hash, n int) {
	r.h.Write(chunk[:])
	r.length += uint64(n)
}

// root is the root of what was added; more can be added after it.
func (r *rootHash) root() Hash {
	last := rootHash{r.h.Clone(), r.length}
	return last.end()
}

// end is the root of what was added, after which nothing may be added.
func (r *rootHash) end() (sum Hash) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], r.length)
	r.h.Write(length[:])
	r.h.Sum(sum[:0])
	release(rootDomain, r.h)
	r.h = nil
	return sum
}

// derived is BLAKE3-derive-key over the parts.
func derived(context string, parts ...[]byte) (sum Hash) {
	h := hasher(context)
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(sum[:0])
	release(context, h)
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
