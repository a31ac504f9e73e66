package share

import (
	"bufio"
	"encoding/binary"
	"io"
	"io/fs"
	"os"
)

// Bounds of what is remembered: a transfer is worth it from so many bytes on, and so many roots are kept of it.
const (
	memoryLeast = groupSize
	memoryFiles = 200_000
)

// A stamp tells whether a file of ours may still be the one that was hashed. It is no proof: what rests on it is hashed once
// more before a transfer is done (spec F5.8).
type stamp struct{ inode, modified uint64 }

// stampOf is the stamp of a file with the given time of modification.
func stampOf(info fs.FileInfo, modified int64) stamp { return stamp{inode(info), uint64(modified)} }

// A memory holds what one side found out by hashing files of one transfer, so that going on does not cost all of that again:
// the roots of whole files, and the chunk hashes of groups of large ones. It is kept in one file that only grows, a record
// after the other:
//
//	0      4        8            16           24           32           40
//	┌──────┬────────┬────────────┬────────────┬────────────┬────────────┬─────────────┐
//	│ kind │ hashes │ file       │ first chunk│ inode      │ modified   │ hashes × 32 │
//	└──────┴────────┴────────────┴────────────┴────────────┴────────────┴─────────────┘
//
// A nil memory holds nothing.
type memory struct {
	file  *os.File
	out   *bufio.Writer
	size  int64 // of the records, written or not
	most  int64 // bound of size
	whole map[uint64]wholeFile
	parts map[uint64][]part // groups in order, from the first on, without gaps
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
	recordHead   = 40
	recordWhole  = 1
	recordGroup  = 2
	groupChunks  = groupSize / chunkSize
	memoryBuffer = 16 << 10
)

// newMemory reads what is remembered of a transfer in f, which it owns. A record that makes no sense ends it.
func newMemory(f *os.File, m *manifest) *memory {
	// Each file may be hashed twice, should it change.
	most := 2 * (int64(m.bytes/groupSize)*(recordHead+32*groupChunks) + int64(len(m.files))*(recordHead+32))
	k := &memory{file: f, most: most, whole: map[uint64]wholeFile{}, parts: map[uint64][]part{}}
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

// record reads one record; it reports false when there is none.
func (k *memory) record(in *bufio.Reader, files uint64) bool {
	var b [recordHead + 32*groupChunks]byte
	if _, err := io.ReadFull(in, b[:recordHead]); err != nil {
		return false
	}
	kind, n := binary.BigEndian.Uint32(b[0:]), binary.BigEndian.Uint32(b[4:])
	file, first := binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])
	st := stamp{binary.BigEndian.Uint64(b[24:]), binary.BigEndian.Uint64(b[32:])}
	if file >= files || !(kind == recordWhole && n == 1 || kind == recordGroup && n == groupChunks) {
		return false
	}
	if _, err := io.ReadFull(in, b[recordHead:recordHead+32*n]); err != nil {
		return false
	}
	if kind == recordWhole && len(k.whole) < memoryFiles {
		k.whole[file] = wholeFile{st, Hash(b[recordHead:])}
	} else if kind == recordGroup {
		k.group(file, first, st, k.size+recordHead)
	}
	k.size += int64(recordHead + 32*n)
	return true
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
	if k.size+recordHead+int64(len(hashes)) > k.most {
		return false
	}
	b := binary.BigEndian.AppendUint32(k.out.AvailableBuffer(), kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(hashes)/32))
	for _, v := range []uint64{file, first, st.inode, st.modified} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	k.out.Write(b)
	_, err := k.out.Write(hashes)
	k.size += int64(len(b) + len(hashes))
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
