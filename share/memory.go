package share

import (
	"bufio"
	"crypto/hmac"
	"encoding/binary"
	"io"
	"os"
	"time"

	"github.com/zeebo/blake3"
)

// Bounds of what is remembered: a transfer is worth it from so many bytes on, and so many roots are kept of it.
const (
	memoryLeast = groupSize
	memoryFiles = 200_000
)

// A stamp tells whether a file of ours is still the one that was hashed: nothing writes to a file without changing the time
// of its last change, and nobody sets that. Where the system does not tell that time it is 0, and the stamp is only a hint.
type stamp struct{ inode, modified, changed uint64 }

// tick is more than the longest time within which a system gives two changes the same time.
const tick = 20 * time.Millisecond

// settled reports whether a change that comes from now on would give another stamp.
func (s stamp) settled() bool {
	return time.Since(time.Unix(0, int64(max(s.changed, s.modified)))) > tick
}

// A memory holds what one side found out by hashing files of one transfer, so that going on does not cost all of that again:
// the roots of whole files, and the chunk hashes of groups of large ones. It is kept in one file that only grows, a record
// after the other, each with a MAC under a key of the node: what somebody else wrote, or a disk lost, ends it.
//
//	0      4        8      16            24      32         40        48            …
//	┌──────┬────────┬──────┬─────────────┬───────┬──────────┬─────────┬─────────────┬────────┐
//	│ kind │ hashes │ file │ first chunk │ inode │ modified │ changed │ hashes × 32 │ MAC 16 │
//	└──────┴────────┴──────┴─────────────┴───────┴──────────┴─────────┴─────────────┴────────┘
//
// A nil memory holds nothing.
type memory struct {
	file  *os.File
	out   *bufio.Writer
	mac   *blake3.Hasher
	id    []byte // of the transfer, and which side this is: under the MAC
	size  int64  // of the records, written or not
	most  int64  // bound of size
	whole map[uint64]wholeFile
	parts map[uint64][]part // groups in order, from the first on, without gaps

	coarse bool // tests: a system that does not tell when a file last changed
}

type wholeFile struct {
	stamp stamp
	root  Hash
}

// A part is a group of chunk hashes, at an offset of the file.
type part struct {
	stamp stamp
	at    int64
}

const (
	recordHead   = 48
	recordTail   = 16
	recordWhole  = 1
	recordGroup  = 2
	groupChunks  = groupSize / chunkSize
	memoryBuffer = 16 << 10
)

// newMemory reads what is remembered of a transfer in f, which it owns.
func newMemory(f *os.File, key *[32]byte, id string, m *manifest) *memory {
	mac, err := blake3.NewKeyed(key[:])
	if err != nil {
		panic("BUG: " + err.Error()) // of the key's length
	}
	// Each file may be hashed twice, should it change.
	most := 2 * (int64(m.bytes/groupSize)*(recordHead+32*groupChunks+recordTail) + int64(len(m.files))*(recordHead+32+recordTail))
	k := &memory{file: f, mac: mac, id: []byte(id), most: most, whole: map[uint64]wholeFile{}, parts: map[uint64][]part{}}
	in := bufio.NewReaderSize(io.LimitReader(f, most), memoryBuffer)
	for k.record(in, uint64(len(m.files))) {
		continue
	}
	if f.Truncate(k.size) != nil {
		f.Close()
		return nil
	}
	f.Seek(k.size, io.SeekStart)
	k.out = bufio.NewWriterSize(f, memoryBuffer)
	return k
}

// record reads one record; it reports false when there is none, or none of ours.
func (k *memory) record(in *bufio.Reader, files uint64) bool {
	var b [recordHead + 32*groupChunks + recordTail]byte
	if _, err := io.ReadFull(in, b[:recordHead]); err != nil {
		return false
	}
	kind, n := binary.BigEndian.Uint32(b[0:]), binary.BigEndian.Uint32(b[4:])
	file, first := binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])
	st := stamp{binary.BigEndian.Uint64(b[24:]), binary.BigEndian.Uint64(b[32:]), binary.BigEndian.Uint64(b[40:])}
	if file >= files || !(kind == recordWhole && n == 1 || kind == recordGroup && n == groupChunks) {
		return false
	}
	end := recordHead + 32*n
	if _, err := io.ReadFull(in, b[recordHead:end+recordTail]); err != nil || !hmac.Equal(k.seal(b[:end]), b[end:end+recordTail]) {
		return false
	}
	if kind == recordWhole && len(k.whole) < memoryFiles {
		k.whole[file] = wholeFile{st, Hash(b[recordHead:])}
	} else if kind == recordGroup {
		k.group(file, first, st, k.size+recordHead)
	}
	k.size += int64(end + recordTail)
	return true
}

// seal is the MAC of a record.
func (k *memory) seal(record []byte) []byte {
	k.mac.Reset()
	k.mac.Write(k.id)
	k.mac.Write(record)
	return k.mac.Sum(nil)[:recordTail]
}

// group notes where a group of chunk hashes lies. A file that begins anew forgets what was known of it.
func (k *memory) group(file, first uint64, st stamp, at int64) {
	list := k.parts[file]
	n := first / groupChunks
	if n > uint64(len(list)) {
		return
	}
	k.parts[file] = append(list[:n], part{st, at})
}

// stamp is the stamp of a file, as far as the system tells it.
func (k *memory) stamp(st stamp) stamp {
	if k != nil && k.coarse {
		st.changed = 0
	}
	return st
}

// root is the root of a whole file that was hashed when it had that stamp.
func (k *memory) root(file uint64, st stamp) (Hash, bool) {
	if k == nil {
		return Hash{}, false
	}
	w, ok := k.whole[file]
	return w.root, ok && w.stamp == st
}

// keep remembers the root of a whole file.
func (k *memory) keep(file uint64, st stamp, root Hash) {
	if k == nil || len(k.whole) >= memoryFiles || k.whole[file] == (wholeFile{st, root}) {
		return
	}
	if k.write(recordWhole, file, 0, st, root[:]) {
		k.whole[file] = wholeFile{st, root}
	}
}

// keepGroup remembers the chunk hashes of a group, the first of which is that of chunk first.
func (k *memory) keepGroup(file, first uint64, st stamp, hashes []byte) {
	if k == nil {
		return
	}
	if at := k.size + recordHead; k.write(recordGroup, file, first, st, hashes) {
		k.group(file, first, st, at)
	}
}

func (k *memory) write(kind uint32, file, first uint64, st stamp, hashes []byte) bool {
	if k.size+recordHead+int64(len(hashes))+recordTail > k.most {
		return false
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 0, recordHead+len(hashes)+recordTail), kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(hashes)/32))
	for _, v := range []uint64{file, first, st.inode, st.modified, st.changed} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	b = append(b, hashes...)
	b = append(b, k.seal(b)...)
	_, err := k.out.Write(b)
	k.size += int64(len(b))
	return err == nil
}

// flush lets what is remembered outlive us.
func (k *memory) flush() {
	if k != nil {
		_ = k.out.Flush() // what is lost is hashed again
	}
}

// groups is how many groups of a file with that stamp are known, from the first on.
func (k *memory) groups(file uint64, st stamp) (n uint64) {
	if k == nil {
		return 0
	}
	for _, p := range k.parts[file] {
		if p.stamp != st {
			break
		}
		n++
	}
	return n
}

// readGroup reads a group of chunk hashes.
func (k *memory) readGroup(file, n uint64, into []byte) error {
	k.flush()
	_, err := k.file.ReadAt(into[:32*groupChunks], k.parts[file][n].at)
	return err
}

// forget forgets all.
func (k *memory) forget() {
	if k == nil {
		return
	}
	k.out.Reset(k.file)
	clear(k.whole)
	clear(k.parts)
	k.size = 0
	_ = k.file.Truncate(0)
	k.file.Seek(0, io.SeekStart)
}

func (k *memory) close() {
	if k != nil {
		k.flush()
		k.file.Close()
	}
}
