package share

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const mb = 1 << 20

// A remembering pair has sent a part of a folder "t" and was cut off: files 0 to 7 of 1 MB, then a large one.
func rememberingPair(t *testing.T, coarse bool) *pair {
	p := newPair(t, All)
	p.a.coarse, p.b.coarse = coarse, coarse
	for i := range 8 {
		write(t, filepath.Join(p.src, "t", fmt.Sprint(i)), random(uint64(i), mb))
	}
	write(t, filepath.Join(p.src, "t", "large"), random(9, 24*mb))
	time.Sleep(2 * tick) // what has just been written is not remembered
	p.interrupt(filepath.Join(p.src, "t"), 26*mb)
	p.restart(All)
	p.b.coarse = coarse
	p.net.locked(func() { p.net.sent = 0 })
	return p
}

// goOnWith sends the folder again and counts how often a stream was agreed on. All must be here in the end.
func (p *pair) goOnWith(t *testing.T, double string) (streams int) {
	t.Helper()
	err := p.a.Send(t.Context(), p.bs, []string{filepath.Join(p.src, "t")}, func(e Event) {
		if e.Kind == Accepted {
			streams++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	got, want := tree(t, p.files), tree(t, p.src)
	if double != "" { // what was damaged stays, and the right one stands beside it
		got[double] = got[double+" (2)"]
		delete(got, double+" (2)")
	}
	if !maps.Equal(got, want) {
		t.Errorf("content differs: %q", names(got))
	}
	if n := p.leftovers(); n != 0 {
		t.Errorf("%d files are left of it", n)
	}
	if list := p.remembers(); len(list) > 0 {
		t.Errorf("the sender remembers what is done: %v", list)
	}
	return streams
}

// spoil changes one byte of a file, and nothing by which that could be seen.
func spoil(t *testing.T, path string, at int) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	f.ReadAt(b, int64(at))
	b[0]++
	f.WriteAt(b, int64(at))
	f.Close()
	os.Chtimes(path, info.ModTime(), info.ModTime())
}

func TestWhatWasHashedIsRemembered(t *testing.T) { // spec F5.8
	t.Parallel()
	p := rememberingPair(t, false)
	src, err := scan(t.Context(), []string{filepath.Join(p.src, "t")})
	if err != nil {
		t.Fatal(err)
	}
	mem, end := p.a.recall(src)
	f, err := src.open(src.manifest.file(8))
	if err != nil {
		t.Fatal(err)
	}
	st, err := unchanged(f, src.manifest.file(8))
	f.Close()
	if err != nil || len(mem.whole) != 8 || mem.groups(8, st) < 2 {
		t.Errorf("the sender remembers %d files and %d groups, %v", len(mem.whole), mem.groups(8, st), err)
	}
	if other, _ := p.a.recall(src); other != nil {
		t.Error("two have the same memory")
	}
	end(errMisremembered)
	src.close()
	if streams := p.goOnWith(t, ""); streams != 1 || p.net.dialled() > 17*mb {
		t.Errorf("%d streams, %d bytes", streams, p.net.dialled())
	}
}

func TestWhatIsRememberedIsNotBelieved(t *testing.T) { // spec F5.8
	source := func(name string) func(*pair) string {
		return func(p *pair) string { return filepath.Join(p.src, "t", name) }
	}
	theirs := func(p *pair) string { return p.only(filepath.Join(p.files, partialDir, "*"+memorySuffix)) }
	mine := func(p *pair) string {
		p.remembers()
		return p.only(filepath.Join(p.a.cfg.Home, memories, "*"))
	}
	const record = recordHead + 32 + recordTail
	for what, c := range map[string]struct {
		path    func(*pair) string
		at      int
		coarse  bool
		double  string // stands beside what is damaged
		noticed bool   // only at the end
	}{
		"a file of the sender":               {source("3"), mb / 2, false, "t/3", false},
		"a file of the sender, coarse":       {source("3"), mb / 2, true, "t/3", true},
		"a large file of the sender":         {source("large"), mb, false, "", false},
		"a large file of the sender, coarse": {source("large"), mb, true, "", true},
		"a file of the receiver":             {func(p *pair) string { return filepath.Join(p.files, "t", "3") }, mb / 2, false, "t/3", false},
		"a file of the receiver, coarse":     {func(p *pair) string { return filepath.Join(p.files, "t", "3") }, mb / 2, true, "t/3", true},
		"a partial file":                     {(*pair).partialLarge, mb, false, "", true},
		"a root the receiver kept":           {theirs, recordHead + 5, false, "", false},
		"a root the sender kept":             {mine, recordHead + 5, false, "", false},
		"chunk hashes the receiver kept":     {theirs, 8*record + recordHead + 32*groupChunks + 1, false, "", false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			p := rememberingPair(t, c.coarse)
			spoil(t, c.path(p), c.at)
			if streams := p.goOnWith(t, c.double); c.noticed != (streams > 1) {
				t.Errorf("%d streams", streams)
			}
		})
	}
}

// only is the one file that is called so.
func (p *pair) only(pattern string) string {
	p.t.Helper()
	list, _ := filepath.Glob(pattern)
	if len(list) != 1 {
		p.t.Fatalf("%s: %q", pattern, list)
	}
	return list[0]
}

// partialLarge is the partial file of what is large.
func (p *pair) partialLarge() string {
	p.t.Helper()
	list, _ := os.ReadDir(filepath.Join(p.files, partialDir))
	for _, d := range list {
		if info, err := d.Info(); err == nil && info.Size() > mb {
			return filepath.Join(p.files, partialDir, d.Name())
		}
	}
	p.t.Fatal("no partial file")
	return ""
}

func FuzzMemory(f *testing.F) {
	m, key := &manifest{}, [32]byte{1}
	for i := range 3 {
		m.add(entry{size: 3 * groupSize, path: fmt.Sprint(i)})
	}
	dir := f.TempDir()
	file, err := os.Create(filepath.Join(dir, "seed"))
	if err != nil {
		f.Fatal(err)
	}
	k := newMemory(file, &key, "x", m)
	k.keep(1, stamp{1, 2, 3}, Hash{3})
	k.keepGroup(2, 0, stamp{4, 5, 6}, make([]byte, 32*groupChunks))
	k.close()
	seed, err := os.ReadFile(file.Name())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(append(seed[:len(seed):len(seed)], seed...))
	f.Add(seed[:len(seed)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "m")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		k := newMemory(file, &key, "x", m)
		var group [32 * groupChunks]byte
		for n, list := range k.parts {
			for g := range list {
				if n > 2 || k.readGroup(n, uint64(g), group[:]) != nil {
					t.Errorf("file %d: group %d cannot be read", n, g)
				}
			}
		}
		k.keep(0, stamp{1, 1, 1}, Hash{7})
		whole, size := maps.Clone(k.whole), k.size
		k.close()
		if file, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
			t.Fatal(err)
		}
		again := newMemory(file, &key, "x", m)
		defer again.close()
		if !maps.Equal(again.whole, whole) || again.size != size {
			t.Errorf("%d records read again as %d, %d bytes as %d", len(whole), len(again.whole), size, again.size)
		}
		if old, _ := os.ReadFile(path); !bytes.HasPrefix(old, b[:min(len(b), int(size)-96)]) && size > 96 {
			t.Error("what was there is changed")
		}
	})
}

// A file that is written to while it is hashed may change once more without a sign of it.
func TestWhatWasWrittenJustNowIsNotRemembered(t *testing.T) { // spec F5.8
	t.Parallel()
	p := newPair(t, All)
	path := filepath.Join(p.src, "a")
	write(t, path, random(1, 24*mb))
	later := time.Now().Add(time.Hour) // as if it were written at the end of all this
	os.Chtimes(path, later, later)
	p.interrupt(path, 18*mb)
	if list := p.remembers(); len(list) > 0 {
		t.Errorf("the sender remembers %v", list)
	}
	if err := p.send("a"); err != nil {
		t.Fatal(err)
	}
}

// remembers is what the sender remembers, once no transfer of its runs any more: Send may return before.
func (p *pair) remembers() []os.DirEntry {
	p.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		p.a.mu.Lock()
		running := len(p.a.recalled)
		p.a.mu.Unlock()
		if running == 0 {
			break
		}
		if time.Now().After(end) {
			p.t.Fatal("a transfer goes on")
		}
	}
	list, _ := os.ReadDir(filepath.Join(p.a.cfg.Home, memories))
	return list
}
