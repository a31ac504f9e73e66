package share

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// share lets A share a path of src.
func (p *pair) share(name string, change func(*ShareRequest)) Share {
	p.t.Helper()
	ask := ShareRequest{Path: filepath.Join(p.src, name)}
	if change != nil {
		change(&ask)
	}
	s, _, err := p.a.Share(p.t.Context(), ask)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// fetch lets B fetch from A, and from others.
func (p *pair) fetch(name, path string, others ...sid.SID) (string, error) {
	q := FetchRequest{From: append([]sid.SID{p.as}, others...), Name: name, Path: path}
	return p.b.Fetch(p.t.Context(), q, nil)
}

// another is a third node that shares what A does.
func (p *pair) another(s sid.SID, name string) *Exchange {
	p.t.Helper()
	x := p.exchange(s, p.t.TempDir(), p.t.TempDir(), Never)
	if name != "" {
		if _, _, err := x.Share(p.t.Context(), ShareRequest{Path: filepath.Join(p.src, name)}); err != nil {
			p.t.Fatal(err)
		}
	}
	return x
}

func refusedWith(t *testing.T, err error, code uint64) {
	t.Helper()
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Code != code {
		t.Errorf("%v, want a refusal with code %d", err, code)
	}
}

func makeTree(t *testing.T, dir string) {
	for i, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 40*chunkSize + 5} {
		write(t, filepath.Join(dir, fmt.Sprintf("f%d.bin", i)), random(uint64(i), size))
	}
	write(t, filepath.Join(dir, "deep", "er", "ünï ☺.txt"), []byte("hi"))
	os.Mkdir(filepath.Join(dir, "empty"), 0o755)
	os.Chmod(filepath.Join(dir, "f1.bin"), 0o755)
	os.Chtimes(filepath.Join(dir, "f2.bin"), time.Unix(1e9, 0), time.Unix(1e9, 0))
}

func TestFetchedFolderIsAsItWasShared(t *testing.T) { // spec F7, F8
	p := newPair(t, Never)
	makeTree(t, filepath.Join(p.src, "maps"))
	os.Symlink("/etc/passwd", filepath.Join(p.src, "maps", "link"))
	p.share("maps", nil)
	var last Event
	path, err := p.b.Fetch(t.Context(), FetchRequest{From: []sid.SID{p.as}, Name: "maps"}, func(e Event) { last = e })
	if err != nil || path != filepath.Join(p.files, "maps") {
		t.Fatalf("%q, %v", path, err)
	}
	want := tree(t, p.src)
	delete(want, "maps/link")
	if got := tree(t, p.files); !maps.Equal(got, want) {
		t.Fatalf("fetched: %q\nwanted: %q", names(got), names(want))
	}
	info, _ := os.Stat(filepath.Join(p.files, "maps", "f1.bin"))
	if info.Mode()&0o100 == 0 {
		t.Errorf("executable bit is lost")
	}
	if info, _ = os.Stat(filepath.Join(p.files, "maps", "f2.bin")); !info.ModTime().Equal(time.Unix(1e9, 0)) {
		t.Errorf("time of modification is %v", info.ModTime())
	}
	if last.Kind != Finished || last.Bytes != last.Total || last.Done != last.Files {
		t.Errorf("last event %+v", last)
	}
	if n := p.leftovers(); n != 0 {
		t.Errorf("%d partial files left", n)
	}
	sent := p.net.dialled()
	if _, err := p.fetch("maps", ""); err != nil || !maps.Equal(tree(t, p.files), want) {
		t.Errorf("second fetch: %v", err)
	}
	if p.net.dialled()-sent > 10<<10 {
		t.Errorf("second fetch asked for %d bytes", p.net.dialled()-sent)
	}
}

func TestFetchOfAPartOfAShare(t *testing.T) { // spec F7.2
	p := newPair(t, Never)
	makeTree(t, filepath.Join(p.src, "maps"))
	p.share("maps", nil)
	for path, want := range map[string]string{"f5.bin": "f5.bin", "deep/er": "er", "deep/er/": "er"} {
		if got, err := p.fetch("maps", path); err != nil || got != filepath.Join(p.files, want) {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	if got := names(tree(t, p.files)); !slices.Equal(got, []string{"er/", "er/ünï ☺.txt", "f5.bin"}) {
		t.Errorf("fetched %q", got)
	}
	for _, path := range []string{"nothing", "..", "../x", "/etc/passwd", "deep/e", "f5.bin/x"} {
		_, err := p.fetch("maps", path)
		refusedWith(t, err, RejectedNoShare)
	}
}

func TestSeveralGiversAtOnce(t *testing.T) { // spec F8.2
	p := newPair(t, Never)
	write(t, filepath.Join(p.src, "big"), random(1, 24<<20))
	p.share("big", nil)
	p.another(sid.SID{3}, "big")
	p.another(sid.SID{4}, "")
	p.net.locked(func() { p.net.abreast, p.net.pace = 8<<20, []sid.SID{p.as, {3}} }) // whoever the processor favours
	t.Cleanup(func() {
		p.net.locked(func() { p.net.abreast = 0 })
		p.net.more.Broadcast()
	})
	if _, err := p.fetch("big", "", sid.SID{3}, sid.SID{4}, sid.SID{5}); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(tree(t, p.files), tree(t, p.src)) {
		t.Errorf("content differs")
	}
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	for _, s := range []sid.SID{p.as, {3}} {
		if n := p.net.given[s]; n < 6<<20 {
			t.Errorf("%v gave %d bytes", s.Short(), n)
		}
	}
	if all := p.net.given[p.as] + p.net.given[sid.SID{3}]; all > 32<<20 {
		t.Errorf("%d bytes were given for 24 MiB", all)
	}
}

func TestGiverThatLiesIsNotBelieved(t *testing.T) { // spec F8.1
	p := newPair(t, Never)
	write(t, filepath.Join(p.src, "big"), random(1, 4<<20))
	write(t, filepath.Join(p.src, "small"), random(2, 1000))
	for _, name := range []string{"big", "small"} {
		p.share(name, nil)
		liar := p.another(sid.SID{3}, name)
		over := 0
		if name == "big" {
			over = chunkSize // the hashes are right, the chunks are not
		}
		p.net.locked(func() { p.net.lie, p.net.lieOver = map[sid.SID]bool{p.as: true}, over })
		_, err := p.fetch(name, "")
		var verify *VerifyError
		if !errors.As(err, &verify) {
			t.Errorf("%s from a liar alone: %v", name, err)
		}
		if got := names(tree(t, p.files)); len(got) != 0 && name == "big" {
			t.Errorf("kept %q", got)
		}
		p.net.locked(func() { p.net.lie = map[sid.SID]bool{{3}: true} })
		if _, err := p.fetch(name, "", sid.SID{3}); err != nil {
			t.Errorf("%s from a liar and an honest one: %v", name, err)
		}
		liar.Close()
		p.net.mu.Lock()
		delete(p.net.listeners, sid.SID{3}.String()+SharesService)
		delete(p.net.listeners, sid.SID{3}.String()+Service)
		p.net.mu.Unlock()
	}
	if !maps.Equal(tree(t, p.files), tree(t, p.src)) {
		t.Errorf("content differs")
	}
}

func TestFetchGoesOnWhereItWasCut(t *testing.T) { // spec F8.3, F8.5
	t.Parallel()
	p := newPair(t, Never)
	write(t, filepath.Join(p.src, "d", "big"), random(1, 20<<20))
	for i := range 100 {
		write(t, filepath.Join(p.src, "d", fmt.Sprint("s", i)), random(uint64(i), i*700))
	}
	s := p.share("d", nil)
	p.net.locked(func() { p.net.stallAt, p.net.resume = 14<<20, make(chan struct{}) })
	ctx, cancel := context.WithCancel(t.Context())
	_, err := p.b.Fetch(ctx, FetchRequest{From: []sid.SID{p.as}, Name: "d"}, func(e Event) {
		if e.Bytes > 8<<20 {
			cancel()
		}
	})
	p.net.locked(func() { p.net.stallAt = 0 })
	close(p.net.resume)
	var cut *InterruptedError
	if !errors.As(err, &cut) {
		t.Fatalf("interrupted fetch: %v", err)
	}
	p.restart(Never)
	var before int64
	p.net.locked(func() { before = p.net.given[p.as] })
	p.net.locked(func() { p.net.cuts = []int64{-1, 2000} }) // of what the getter says: soon
	if _, err := p.fetch("d", ""); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(tree(t, p.files), tree(t, p.src)) {
		t.Errorf("content differs")
	}
	if again := p.net.given[p.as] - before; again > 18<<20 {
		t.Errorf("%d bytes were given again", again)
	}
	if got := p.a.Shares()[0]; got.ID != s.ID || len(got.Takers) != 1 {
		t.Errorf("going on counts as a download: %v", got.Takers)
	}
}

func TestSharesAreBoundedInTimeAndCount(t *testing.T) { // spec F7.5, F7.6
	p := newPair(t, Never)
	for _, name := range []string{"once", "short", "hidden", "for4", "open"} {
		write(t, filepath.Join(p.src, name), []byte(name))
	}
	p.share("once", func(q *ShareRequest) { q.Max = 1 })
	p.share("short", func(q *ShareRequest) { q.For = time.Nanosecond })
	hidden := p.share("hidden", func(q *ShareRequest) { q.Hidden = true })
	p.share("for4", func(q *ShareRequest) { q.To = []sid.SID{{4}} })
	p.share("open", nil)
	c := p.another(sid.SID{3}, "")
	get := func(x *Exchange, name string) error {
		_, err := x.Fetch(t.Context(), FetchRequest{From: []sid.SID{p.as}, Name: name}, nil)
		return err
	}
	for range 2 {
		if err := get(p.b, "once"); err != nil {
			t.Errorf("once: %v", err)
		}
	}
	refusedWith(t, get(c, "once"), RejectedSpent)
	for _, name := range []string{"short", "hidden", "for4"} {
		refusedWith(t, get(p.b, name), RejectedNoShare)
	}
	list, err := p.b.List(t.Context(), p.as)
	if err != nil || len(list) != 2 || list[0].Name != "once" || list[0].Left != 1 || list[1].Name != "open" || list[1].Left != 0 {
		t.Errorf("list %+v, %v", list, err)
	}
	secret, _ := hex.DecodeString(hidden.Secret)
	if _, err := c.Fetch(t.Context(), FetchRequest{From: []sid.SID{p.as}, Secret: secret}, nil); err != nil {
		t.Errorf("by secret: %v", err)
	}
	secret[0]++
	_, err = c.Fetch(t.Context(), FetchRequest{From: []sid.SID{p.as}, Secret: secret}, nil)
	refusedWith(t, err, RejectedNoShare)
	if _, err := p.a.Unshare("open"); err != nil {
		t.Error(err)
	}
	refusedWith(t, get(p.b, "open"), RejectedNoShare)
	if _, err := p.a.Unshare("open"); !errors.Is(err, ErrNoShare) {
		t.Errorf("unshare twice: %v", err)
	}
	left, _ := os.ReadDir(filepath.Join(p.a.cfg.Home, "shares"))
	if len(left) != 3 {
		t.Errorf("%d lists for 3 shares", len(left))
	}
}

func TestSharesOutlastARestart(t *testing.T) { // spec F7.6
	t.Parallel()
	p := newPair(t, Never)
	makeTree(t, filepath.Join(p.src, "maps"))
	home := t.TempDir()
	x := p.exchange(sid.SID{3}, home, t.TempDir(), Never)
	if _, _, err := x.Share(t.Context(), ShareRequest{Path: filepath.Join(p.src, "maps"), Max: 5}); err != nil {
		t.Fatal(err)
	}
	before := x.Shares()
	x.Close()
	x = p.exchange(sid.SID{3}, home, t.TempDir(), Never)
	if after := x.Shares(); len(after) != 1 || after[0].Content != before[0].Content || after[0].Secret != before[0].Secret {
		t.Errorf("after the restart %+v", after)
	}
	if _, err := p.b.Fetch(t.Context(), FetchRequest{From: []sid.SID{{3}}, Name: "maps"}, nil); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(tree(t, p.files), tree(t, p.src)) {
		t.Errorf("content differs")
	}
}

func TestChangedAndSwappedFilesAreNotGiven(t *testing.T) { // spec F7.4, F7.8
	p := newPair(t, Never)
	for _, n := range []string{"changed", "gone", "swapped", "kept"} {
		write(t, filepath.Join(p.src, "d", n), random(1, 100))
	}
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, random(1, 100)) // even the same content is not given through a link
	p.share("d", nil)
	write(t, filepath.Join(p.src, "d", "changed"), random(2, 101))
	os.Remove(filepath.Join(p.src, "d", "gone"))
	os.Remove(filepath.Join(p.src, "d", "swapped"))
	os.Symlink(secret, filepath.Join(p.src, "d", "swapped"))
	_, err := p.fetch("d", "")
	var skipped *SkippedError
	if !errors.As(err, &skipped) || len(skipped.Files) != 3 {
		t.Errorf("fetch: %v", err)
	}
	if got := names(tree(t, p.files)); !slices.Equal(got, []string{"d/", "d/kept"}) {
		t.Errorf("fetched %q", got)
	}
}

func TestFetchToAReader(t *testing.T) { // spec F8.6
	p := newPair(t, Never)
	content := random(1, 33*chunkSize+7)
	write(t, filepath.Join(p.src, "d", "f"), content)
	write(t, filepath.Join(p.src, "d", "empty"), nil)
	p.share("d", nil)
	p.another(sid.SID{3}, "d/f")
	for _, have := range []int{0, chunkSize, 20*chunkSize + 9, len(content)} {
		length, root, _ := PrefixRoot(bytes.NewReader(content[:have]))
		var out bytes.Buffer
		at := uint64(0)
		err := p.b.FetchTo(t.Context(), FetchRequest{From: []sid.SID{p.as, {3}}, Name: "d", Path: "f"}, Reading{
			To: &out, Have: length, Root: root,
			Begin: func(name string, size int64, from uint64) error {
				if at = from; name != "f" || size != int64(len(content)) {
					t.Errorf("begin %q, %d", name, size)
				}
				return nil
			},
		})
		if err != nil || at != length || !bytes.Equal(out.Bytes(), content[at:]) {
			t.Errorf("have %d: from %d, %d bytes, %v", have, at, out.Len(), err)
		}
	}
	var out bytes.Buffer
	begin := func(string, int64, uint64) error { return nil }
	if err := p.b.FetchTo(t.Context(), FetchRequest{From: []sid.SID{p.as}, Name: "d", Path: "empty"}, Reading{To: &out, Begin: begin}); err != nil || out.Len() != 0 {
		t.Errorf("empty file: %d bytes, %v", out.Len(), err)
	}
	if err := p.b.FetchTo(t.Context(), FetchRequest{From: []sid.SID{p.as}, Name: "d"}, Reading{To: &out, Begin: begin}); !errors.Is(err, ErrFolder) {
		t.Errorf("folder: %v", err)
	}
	if got := names(tree(t, p.files)); len(got) != 0 || p.leftovers() != 0 {
		t.Errorf("written: %q", got)
	}
}

func TestFetchNeedsRoom(t *testing.T) { // spec F6.4, F6.5, F8.4
	p := newPair(t, All)
	write(t, filepath.Join(p.src, "big"), random(1, 1<<20))
	p.share("big", nil)
	p.b.SetQuota(1<<20 - 1)
	_, err := p.fetch("big", "")
	refusedWith(t, err, RejectedNoSpace)
	refusedWith(t, p.send("big"), RejectedNoSpace)
	p.b.SetQuota(1 << 20)
	p.b.fault = func(at int64) error {
		if at > 100<<10 {
			return syscall.ENOSPC
		}
		return nil
	}
	if _, err = p.fetch("big", ""); !isFull(err) {
		t.Errorf("full disk: %v", err)
	}
	p.b.fault = nil
	if _, err = p.fetch("big", ""); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if n := p.b.promised.Load(); n != 0 {
		t.Errorf("%d bytes stay promised", n)
	}
}
