package share

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

func TestFolderArrivesAsItIs(t *testing.T) { // spec F2, F4
	p := newPair(t, All)
	for i, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3*chunkSize + 5} {
		write(t, filepath.Join(p.src, "photos", fmt.Sprintf("f%d.jpg", i)), random(uint64(i), size))
	}
	write(t, filepath.Join(p.src, "photos", "deep", "er", "ünï ☺.txt"), []byte("hi"))
	os.Mkdir(filepath.Join(p.src, "photos", "empty"), 0o755)
	os.Chmod(filepath.Join(p.src, "photos", "f1.jpg"), 0o755)
	when := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	os.Chtimes(filepath.Join(p.src, "photos", "f2.jpg"), when, when)
	os.Symlink("f1.jpg", filepath.Join(p.src, "photos", "link"))

	var events []Event
	err := p.a.Send(t.Context(), p.bs, []string{filepath.Join(p.src, "photos")}, func(e Event) { events = append(events, e) })
	if err != nil {
		t.Fatal(err)
	}
	want := tree(t, p.src)
	delete(want, "photos/link")
	if got := tree(t, p.files); !maps.Equal(got, want) {
		t.Fatalf("arrived: %q\nwanted: %q", names(got), names(want))
	}
	info, _ := os.Stat(filepath.Join(p.files, "photos", "f2.jpg"))
	if !info.ModTime().Equal(when) {
		t.Errorf("time of modification is %v", info.ModTime())
	}
	if info, _ := os.Stat(filepath.Join(p.files, "photos", "f1.jpg")); info.Mode()&0o100 == 0 {
		t.Errorf("executable bit is lost")
	}
	first, last := events[0], events[len(events)-1]
	if first.Kind != Scanned || first.What != "photos/ (7 files)" || first.Files != 7 {
		t.Errorf("first event %+v", first)
	}
	if events[1].Kind != Warning || events[1].Text != "photos/link: symbolic link" {
		t.Errorf("second event %+v", events[1])
	}
	if last.Kind != Finished || last.Bytes != last.Total || last.Done != 7 || len(last.Hash) != 64 {
		t.Errorf("last event %+v", last)
	}
	items := p.b.Inbox()
	if len(items) != 1 || items[0].State != StateDone || items[0].Path != filepath.Join(p.files, "photos") {
		t.Errorf("inbox %+v", items)
	}
	if n := p.leftovers(); n != 0 {
		t.Errorf("%d partial files left", n)
	}
}

func TestSecondSendFindsEverythingThere(t *testing.T) { // spec F5.2, F5.4
	p := newPair(t, All)
	write(t, filepath.Join(p.src, "a.bin"), random(1, 5<<20))
	for range 2 {
		if err := p.send("a.bin"); err != nil {
			t.Fatal(err)
		}
	}
	if p.net.dialled() > 5<<20+100<<10 {
		t.Errorf("%d bytes sent", p.net.dialled())
	}
	if got := names(tree(t, p.files)); !slices.Equal(got, []string{"a.bin"}) {
		t.Errorf("files: %q", got)
	}
}

func TestNothingIsOverwritten(t *testing.T) { // spec F6.3
	p := newPair(t, All)
	write(t, filepath.Join(p.files, "a.bin"), []byte("mine"))
	write(t, filepath.Join(p.files, "d"), []byte("a file where the folder should be"))
	for i, content := range []string{"yours", "other", "yours"} {
		write(t, filepath.Join(p.src, "a.bin"), []byte(content))
		when := time.Unix(int64(1e9+i), 0)
		os.Chtimes(filepath.Join(p.src, "a.bin"), when, when)
		if err := p.send("a.bin"); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(p.src, "d", "x"), []byte("x"))
	for range 2 {
		if err := p.send("d"); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string][32]byte{
		"a.bin": sha256.Sum256([]byte("mine")), "a (2).bin": sha256.Sum256([]byte("yours")),
		"a (3).bin": sha256.Sum256([]byte("other")),
		"d":         sha256.Sum256([]byte("a file where the folder should be")), "d (2)/": {}, "d (2)/x": sha256.Sum256([]byte("x")),
	}
	if got := tree(t, p.files); !maps.Equal(got, want) {
		t.Errorf("files: %q", names(got))
	}
}

func TestResumeWhereverItIsCut(t *testing.T) { // spec F5
	t.Parallel()
	const size = 20 << 20
	p := newPair(t, All)
	write(t, filepath.Join(p.src, "t", "a.bin"), random(1, size))
	for i := range 50 {
		write(t, filepath.Join(p.src, "t", fmt.Sprintf("s%02d", i)), random(uint64(i), i*997))
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		p.net.locked(func() { p.net.cuts = append(p.net.cuts, rnd.Int64N(size)) })
	}
	// Every lost stream is dialled again (F5.6), so one Send comes through all cuts.
	if err := p.send("t"); err != nil {
		t.Fatal(err)
	}
	if got, want := tree(t, p.files), tree(t, p.src); !maps.Equal(got, want) {
		t.Fatalf("files: %q", names(got))
	}
	if len(p.net.cuts) == 8 {
		t.Errorf("no stream was cut")
	}
}

func TestResumeAfterReceiverRestartsSendsOnlyTheRest(t *testing.T) { // spec F5.2, F5.3
	t.Parallel()
	const size = 32 << 20
	p := newPair(t, All)
	write(t, filepath.Join(p.src, "a.bin"), random(1, size))
	p.interrupt(filepath.Join(p.src, "a.bin"), size/2)
	p.restart(All)
	p.net.locked(func() { p.net.sent = 0 })
	var resumed int64
	err := p.a.Send(t.Context(), p.bs, []string{filepath.Join(p.src, "a.bin")}, func(e Event) { resumed = e.Resumed })
	if err != nil {
		t.Fatal(err)
	}
	// What was on the way when it was cut is lost: our buffers.
	if resumed < size*2/5 || p.net.dialled() > size-resumed+1<<20 {
		t.Errorf("resumed at %d, sent %d again of %d", resumed, p.net.dialled(), size)
	}
	if !maps.Equal(tree(t, p.files), tree(t, p.src)) {
		t.Errorf("content differs")
	}
}

// interrupt sends a path, cuts the stream after so many bytes, and then gives up.
func (p *pair) interrupt(path string, after int64) {
	p.t.Helper()
	p.net.locked(func() { p.net.cuts = []int64{after} })
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	err := p.a.Send(ctx, p.bs, []string{path}, func(e Event) {
		if e.Kind == Retrying {
			cancel()
		}
	})
	var cut *InterruptedError
	if !errors.As(err, &cut) || cut.Sent == 0 || cut.Sent > cut.Total {
		p.t.Fatalf("interrupted send: %v", err)
	}
	waitState(p.t, p.b, StateInterrupted)
}

// waitState waits until the only item of the inbox is in that state.
func waitState(t testing.TB, x *Exchange, want State) Item {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		items := x.Inbox()
		if len(items) == 1 && items[0].State == want {
			return items[0]
		}
		if time.Now().After(end) {
			t.Fatalf("inbox %+v, want one item %s", items, want)
		}
	}
}

func TestChangedSourceIsSentAfreshFromTheChange(t *testing.T) { // spec F5.3
	t.Parallel()
	const size = 24 << 20
	for _, at := range []int{0, 12 << 20} {
		p := newPair(t, All)
		path := filepath.Join(p.src, "a.bin")
		content := random(1, size)
		write(t, path, content)
		info, _ := os.Stat(path)
		p.interrupt(path, size*3/4)
		content[at]++
		write(t, path, content)
		os.Chtimes(path, info.ModTime(), info.ModTime()) // same size, same time
		var resumed int64
		if err := p.a.Send(t.Context(), p.bs, []string{path}, func(e Event) { resumed = e.Resumed }); err != nil {
			t.Fatal(err)
		}
		if resumed > int64(at) {
			t.Errorf("changed at %d, resumed at %d", at, resumed)
		}
		if !maps.Equal(tree(t, p.files), tree(t, p.src)) {
			t.Errorf("content differs")
		}
	}
}

func TestDamagedPartialFileIsNotTrusted(t *testing.T) { // spec F5.3
	t.Parallel()
	const size = 24 << 20
	p := newPair(t, All)
	path := filepath.Join(p.src, "a.bin")
	write(t, path, random(1, size))
	p.interrupt(path, size*3/4)
	f, err := os.OpenFile(p.partialLarge(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteAt(make([]byte, 100), 9<<20) // a hole, as after a lost power supply
	f.Close()
	var resumed int64
	if err := p.a.Send(t.Context(), p.bs, []string{path}, func(e Event) { resumed = e.Resumed }); err != nil {
		t.Fatal(err)
	}
	if resumed != 8<<20 {
		t.Errorf("resumed at %d, want the last whole group before the damage", resumed)
	}
	if !maps.Equal(tree(t, p.files), tree(t, p.src)) {
		t.Errorf("content differs")
	}
}

func TestDiskFullIsToldAndPartialKept(t *testing.T) { // spec F6.4
	p := newPair(t, All)
	write(t, filepath.Join(p.src, "a.bin"), random(1, 20<<20))
	p.b.fault = func(at int64) error {
		if at >= 10<<20 {
			return syscall.ENOSPC
		}
		return nil
	}
	err := p.send("a.bin")
	var peer *PeerError
	if !errors.As(err, &peer) || peer.Code != FailDiskFull {
		t.Fatalf("send: %v", err)
	}
	waitState(t, p.b, StateFailed)
	p.partialLarge() // is kept
	if len(tree(t, p.files)) != 0 {
		t.Errorf("files %q", names(tree(t, p.files)))
	}
	p.b.fault = nil
	p.net.locked(func() { p.net.sent = 0 })
	if err := p.send("a.bin"); err != nil || p.net.dialled() > 11<<20 {
		t.Errorf("second send: %v, %d bytes", err, p.net.dialled())
	}
}

func TestNoSpaceIsRefusedBeforeWriting(t *testing.T) { // spec F6.4
	p := newPair(t, All)
	f, err := os.Create(filepath.Join(p.src, "huge"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 43); err != nil { // 8 TB of nothing
		t.Skip("no sparse files here:", err)
	}
	var refused *RefusedError
	if err := p.send("huge"); !errors.As(err, &refused) || refused.Code != RejectedNoSpace {
		t.Errorf("send: %v", err)
	}
	if p.leftovers() != 0 {
		t.Errorf("something was written")
	}
}

func TestUnreadableSourceIsToldBeforeOffering(t *testing.T) { // spec F2.1
	p := newPair(t, All)
	var source *SourceError
	if err := p.send("nothing"); !errors.As(err, &source) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("send: %v", err)
	}
	if len(p.b.Inbox()) != 0 {
		t.Errorf("something was offered")
	}
}

func TestUnknownPeer(t *testing.T) {
	t.Parallel()
	p := newPair(t, All)
	write(t, filepath.Join(p.src, "a"), []byte("a"))
	p.net.listeners[p.bs.String()+Service].Close()
	delete(p.net.listeners, p.bs.String()+Service)
	if err := p.send("a"); !errors.Is(err, errNoSuchPeer) {
		t.Errorf("send: %v", err)
	}
}

// A peer that is killed again and again takes streams and loses them; that is no answer, whatever the network says of it.
func TestPeerThatLosesEveryStreamDoesNotAnswer(t *testing.T) { // spec F5.6, F8.5
	t.Parallel()
	p := newPair(t, All)
	write(t, filepath.Join(p.src, "a"), []byte("a"))
	p.b.Close()
	for _, service := range []string{Service, SharesService} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		p.net.locked(func() { p.net.listeners[p.bs.String()+service] = l })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.Close()
			}
		}()
	}
	fetched := make(chan error)
	go func() {
		_, err := p.a.Fetch(t.Context(), FetchRequest{From: []sid.SID{p.bs}, Name: "x"}, nil)
		fetched <- err
	}()
	if err := p.send("a"); !errors.Is(err, ErrNoReply) {
		t.Errorf("send: %v", err)
	}
	if err := <-fetched; !errors.Is(err, ErrNoReply) {
		t.Errorf("get: %v", err)
	}
}

func TestTwoEqualSendsAreOne(t *testing.T) {
	p := newPair(t, Ask)
	write(t, filepath.Join(p.src, "a.bin"), random(1, 1<<20))
	results := make(chan error, 2)
	for range 2 {
		go func() { results <- p.send("a.bin") }()
	}
	it := waitState(t, p.b, StateWaiting)
	if len(p.a.Sending()) != 1 {
		t.Errorf("%d transfers go out", len(p.a.Sending()))
	}
	p.b.Decide(it.ID, true)
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if p.net.dialled() > 1<<20+100<<10 {
		t.Errorf("%d bytes sent", p.net.dialled())
	}
}
