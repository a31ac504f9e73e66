package share

import (
	"path/filepath"
	"testing"

	"github.com/zeebo/blake3"
	"golang.org/x/crypto/blake2b"
)

// BenchmarkHash is why chunks are hashed with BLAKE3 (docs/spec/share.md).
func BenchmarkHash(b *testing.B) {
	chunk := random(1, chunkSize)
	for name, sum := range map[string]func([]byte) [32]byte{
		"ours": func(b []byte) [32]byte { return chunkHash(b) }, "blake3": blake3.Sum256, "blake2b": blake2b.Sum256,
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(chunkSize)
			for b.Loop() {
				sum(chunk)
			}
		})
	}
}

// BenchmarkSend is one 64 MB file over TCP on loopback, to a disk.
func BenchmarkSend(b *testing.B) {
	const size = 64 << 20
	b.SetBytes(size)
	for b.Loop() {
		b.StopTimer()
		p := newPair(b, All)
		write(b, filepath.Join(p.src, "a.bin"), random(1, size))
		b.StartTimer()
		if err := p.send("a.bin"); err != nil {
			b.Fatal(err)
		}
	}
}
