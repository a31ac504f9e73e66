package share

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hostile are paths no receiver may use, as they came in CVEs of other tools.
var hostile = []string{
	"", "/", "/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "a/", "..", ".", `..\x`, `a\b`, "a\x00b", "a\nb", "\x1b[2Jx",
	"CON", "con.txt", "a/NUL", "Lpt1", "COM¹", "x.", "x ", "a./b", strings.Repeat("x", 256), "\xff\xfe", "gpj.\u202eexe",
	partialDir, ".CARACAL-partial/00", "\u009b31m",
}

func TestHostileNamesAreRefused(t *testing.T) { // spec F6.1
	for _, path := range hostile {
		if safePath(path) == "" {
			t.Errorf("%q passes", path)
		}
	}
	for _, path := range []string{"a", "a/b.c", ".hidden", "ünï ☺.txt", "COM10", "console", "a..b", strings.Repeat("x", 255)} {
		if why := safePath(path); why != "" {
			t.Errorf("%q: %s", path, why)
		}
	}
}

// An attacker speaks the sender's side frame by frame.
type attacker struct {
	t *testing.T
	p *pipe
}

func attack(t *testing.T, p *pair) attacker {
	conn, err := end{p.net, p.as}.DialService(t.Context(), p.bs, Service)
	if err != nil {
		t.Fatal(err)
	}
	a := attacker{t, newPipe(conn)}
	t.Cleanup(a.p.close)
	return a
}

// offer offers the entries and awaits ACCEPT, then lists them.
func (a attacker) offer(list ...entry) {
	a.t.Helper()
	var body []byte
	var o offer
	for _, e := range list {
		body = e.append(body)
		o.entries++
		if e.kind != folder {
			o.files++
			o.bytes += e.size
		}
	}
	o.id = derived(manifestDomain, body)
	o.names = []string{"x"}
	a.p.tell(kOffer, o.append(nil))
	if f, err := a.p.next(); err != nil || f.kind != kAccept {
		a.t.Fatalf("offer: frame %v, %v", f.kind, err)
	}
	a.p.tell(kEntries, body)
	a.p.tell(kListed, nil)
}

// failed awaits FAIL with the given code.
func (a attacker) failed(code uint64) {
	a.t.Helper()
	for {
		_, err := a.p.next()
		var peer *PeerError
		if errors.As(err, &peer) {
			if peer.Code != code {
				a.t.Errorf("FAIL %d %s, want %d", peer.Code, peer.Reason, code)
			}
			return
		}
		if err != nil {
			a.t.Fatalf("no FAIL: %v", err)
		}
	}
}

func TestHostileListWritesNothing(t *testing.T) { // spec F6.1
	p := newPair(t, All)
	for _, path := range hostile {
		a := attack(t, p)
		a.offer(entry{size: 1, path: path})
		a.failed(FailProtocol)
	}
	if got := tree(t, p.files); len(got) != 0 || p.leftovers() != 0 {
		t.Errorf("written: %q", names(got))
	}
}

func TestFileWithoutItsFolderAndDoublesAreRefused(t *testing.T) { // spec F2.2
	p := newPair(t, All)
	a := attack(t, p)
	a.offer(entry{size: 1, path: "a/b"})
	a.failed(FailProtocol)
	a = attack(t, p)
	a.offer(entry{size: 1, path: "a"}, entry{size: 1, path: "a"})
	a.failed(FailProtocol)
}

func TestSymlinkInFilesFolderLeadsNowhere(t *testing.T) { // spec F6.2
	p := newPair(t, All)
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(p.files, "d")); err != nil {
		t.Skip(err)
	}
	write(t, filepath.Join(p.src, "d", "x"), []byte("x"))
	p.send("d")
	if got := tree(t, outside); len(got) != 0 {
		t.Errorf("written outside: %q", names(got))
	}
}

func TestListMustBeWhatWasOffered(t *testing.T) { // spec F2.3
	p := newPair(t, All)
	a := attack(t, p)
	o := offer{id: Hash{1}, entries: 1, files: 1, bytes: 1, names: []string{"x"}}
	a.p.tell(kOffer, o.append(nil))
	a.p.next()
	a.p.tell(kEntries, entry{size: 1, path: "other"}.append(nil))
	a.p.tell(kListed, nil)
	a.failed(FailProtocol)
}

func TestDamagedContentIsNotTaken(t *testing.T) { // spec F4.3
	p := newPair(t, All)
	good := chunkHash([]byte("good"))
	sum := newRootHash()
	sum.add(good, 4)
	root := sum.root()
	e := entry{size: 4, path: "x"}

	a := attack(t, p)
	a.offer(e)
	a.p.tell(kFile, spot{}.append(nil))
	a.p.tell(kData, append(good[:], "evil"...))
	a.failed(FailVerify)

	a = attack(t, p)
	a.offer(e)
	a.p.tell(kFile, spot{}.append(nil))
	evil := chunkHash([]byte("evil"))
	a.p.tell(kData, append(evil[:], "evil"...))
	a.p.tell(kEnd, root[:])
	a.failed(FailVerify)

	if got := tree(t, p.files); len(got) != 0 {
		t.Errorf("written: %q", names(got))
	}
}

func TestFramesAtTheWrongMomentEndTheTransfer(t *testing.T) { // spec F1.2
	p := newPair(t, All)
	for k := kOffer; k < kKeep; k++ {
		if k == kDone || k == kFail || k == kSkip {
			continue
		}
		a := attack(t, p)
		a.offer(entry{size: 4, path: "x"})
		a.p.tell(kFile, spot{}.append(nil))
		a.p.tell(k, []byte{0, 0, 0})
		a.failed(FailProtocol)
	}
}

func TestGarbageIsDropped(t *testing.T) { // spec F1.2
	p := newPair(t, All)
	for i := range 20 {
		conn, err := end{p.net, p.as}.DialService(t.Context(), p.bs, Service)
		if err != nil {
			t.Fatal(err)
		}
		conn.Write(random(uint64(i), 5000))
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		for buf := make([]byte, 100); err == nil; {
			_, err = conn.Read(buf)
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Error("garbage keeps a stream open")
		}
		conn.Close()
	}
	if len(p.b.Inbox()) != 0 {
		t.Errorf("inbox %+v", p.b.Inbox())
	}
}

// A hostile receiver must not make the sender believe, hang or panic.
func TestSenderSeesThroughALyingReceiver(t *testing.T) { // spec F4.4
	p := newPair(t, All)
	write(t, filepath.Join(p.src, "a"), []byte("content"))
	p.b.Close()
	l, err := end{p.net, p.bs}.ListenService(Service)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	lies := []func(r *pipe){
		func(r *pipe) { r.tell(kGot, receipt{0, Hash{1}}.append(nil)) },
		func(r *pipe) { r.tell(kDone, make([]byte, 32)) },
		func(r *pipe) { r.tell(kGot, receipt{7, Hash{}}.append(nil)) },
	}
	go func() {
		for _, lie := range lies {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r := newPipe(c)
			r.next()
			r.tell(kAccept, appendText(nil, "all"))
			r.tell(kHave, spot{0, 7, Hash{9}}.append(nil))
			r.tell(kHad, nil)
			for f, err := r.next(); err == nil && f.kind != kDone; f, err = r.next() {
			}
			lie(r)
			r.linger()
			r.close()
		}
	}()
	for i := range lies {
		err := p.send("a")
		if err == nil || isLost(err) {
			t.Errorf("lie %d: %v", i, err)
		}
	}
}

func FuzzOffer(f *testing.F) {
	o := offer{id: Hash{1}, entries: 2, files: 1, bytes: 3, names: []string{"a"}}
	f.Add(o.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := parseOffer(b); err == nil && (len(o.names) > maxOfferNames || o.entries > maxEntries) {
			t.Errorf("%+v", o)
		}
	})
}

func FuzzEntries(f *testing.F) {
	f.Add(entry{size: 1, path: "a/b"}.append(entry{kind: folder, path: "a"}.append(nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m manifest
		if m.parseEntries(b, map[string]bool{}) != nil {
			return
		}
		for _, e := range m.entries {
			if safePath(e.path) != "" {
				t.Errorf("%q", e.path)
			}
		}
	})
}

func FuzzSmallFrames(f *testing.F) {
	f.Add(spot{1, 2, Hash{3}}.append(nil))
	f.Add(receipt{1, Hash{2}}.append(nil))
	f.Add(coded{1, "x"}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		parseSpots(b, func(spot) {})
		parseReceipt(b)
		parseCoded(b)
		parseText(b)
		parseHash(b)
	})
}
