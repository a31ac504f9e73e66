package share

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// errMisremembered ends a stream whose memory was wrong. It is forgotten, and the transfer goes on without it (spec F5.8).
var errMisremembered = errors.New("share: what was remembered of a file is not so any more")

// A walk goes through the chunks of a file, from the first on. Those whose hash is remembered are not read.
type walk struct {
	mem   *memory
	file  uint64
	known uint64 // groups that are remembered
	group [32 * groupChunks]byte
	buf   []byte // chunkSize bytes
}

func newWalk(mem *memory, file uint64, st stamp, buf []byte) *walk {
	return &walk{mem: mem, file: file, known: mem.groups(file, st), buf: buf}
}

// hash is that of the chunk at an offset of f, n bytes long. io.EOF or io.ErrUnexpectedEOF: there is not so much.
func (w *walk) hash(f *os.File, at uint64, n int) (Hash, error) {
	chunk := at / chunkSize
	g, i := chunk/groupChunks, chunk%groupChunks
	if g < w.known && i == 0 && w.mem.readGroup(w.file, g, w.group[:]) != nil {
		w.known = g
	}
	if g < w.known {
		return Hash(w.group[32*i:]), nil
	}
	if _, err := f.ReadAt(w.buf[:n], int64(at)); err != nil {
		return Hash{}, err
	}
	return chunkHash(w.buf[:n]), nil
}

// proves reports whether the first length bytes of f have the root, by reading all of them. It stops early when stop does.
func proves(f *os.File, length uint64, root Hash, buf []byte, stop func() bool) bool {
	sum, w := newRootHash(), &walk{buf: buf}
	for sum.length < length {
		n := int(min(chunkSize, length-sum.length))
		h, err := w.hash(f, sum.length, n)
		if err != nil || stop() {
			return false
		}
		sum.add(h, n)
	}
	return sum.end() == root
}

// A proof is owed for a file that was taken as remembered.
type proof struct {
	file   uint64
	length uint64
	root   Hash   // of so much
	name   string // at the receiver: where it stands
}

// In the home: the folder of what a sender remembers, and the key under which a node knows its own records again.
const (
	memories  = "sending"
	memoryKey = "memory.key"
)

// loadMemoryKey reads the key, or makes one. One that cannot be kept is good until we end.
func loadMemoryKey(home string) (key [32]byte) {
	name := filepath.Join(home, memoryKey)
	if data, err := os.ReadFile(name); err == nil && len(data) == len(key) {
		return [32]byte(data)
	}
	rand.Read(key[:])
	_ = writeWhole(name, key[:])
	return key
}

// recall is what we remember of a transfer that we send. end must be called with how it ended: what was done is forgotten.
func (x *Exchange) recall(src *source) (mem *memory, end func(error)) {
	m := &src.manifest
	id := m.id().String()
	if m.bytes < memoryLeast || !x.remembers(id, true) {
		return nil, func(error) {}
	}
	dir := filepath.Join(x.cfg.Home, memories)
	name := filepath.Join(dir, id)
	_ = os.Mkdir(dir, 0o700) // if it cannot be, nothing is remembered
	if f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600); err == nil {
		mem = x.newMemory(f, "send "+id, m)
	}
	return mem, func(err error) {
		mem.close()
		if err == nil || mem == nil || mem.size == 0 {
			os.Remove(name)
		}
		x.remembers(id, false)
	}
}

func (x *Exchange) newMemory(f *os.File, id string, m *manifest) *memory {
	mem := newMemory(f, &x.memKey, id, m)
	if mem != nil {
		mem.coarse = x.coarse
	}
	return mem
}

// remembers takes a memory for one transfer, or gives it back; it reports false when another has it.
func (x *Exchange) remembers(id string, take bool) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if take && x.recalled[id] {
		return false
	}
	if delete(x.recalled, id); take {
		x.recalled[id] = true
	}
	return true
}

// pruneMemories removes what no transfer has asked for in a long time.
func pruneMemories(home string, now time.Time) {
	dir := os.DirFS(filepath.Join(home, memories))
	list, _ := fs.ReadDir(dir, ".")
	for _, d := range list {
		if info, err := d.Info(); err == nil && now.Sub(info.ModTime()) > partialAge {
			os.Remove(filepath.Join(home, memories, d.Name()))
		}
	}
}

// groupHashes are the chunk hashes of a group, until it is whole.
type groupHashes struct {
	b   []byte
	end uint64 // of the last chunk
}

// add takes the hash of the chunk that sum was just given. A whole group is remembered, unless it is already.
func (g *groupHashes) add(mem *memory, file uint64, st stamp, sum *rootHash, h Hash) {
	if mem == nil {
		return
	}
	begin := (sum.length - 1) / chunkSize * chunkSize
	if begin%groupSize == 0 || begin != g.end {
		g.b = g.b[:0]
	}
	g.b, g.end = append(g.b, h[:]...), sum.length
	if n := sum.length / groupSize; sum.length%groupSize == 0 && len(g.b) == 32*groupChunks && mem.groups(file, st) == n-1 {
		mem.keepGroup(file, (n-1)*groupChunks, st, g.b)
		mem.flush()
	}
}
