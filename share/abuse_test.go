package share

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/caracal-mesh/caracal/sid"
)

func TestOfferWithoutANameIsHarmless(t *testing.T) { // spec F1
	for _, names := range [][]string{{""}, {"", ""}, {"\x1b[2J"}, nil} {
		p := newPair(t, Ask)
		a := attack(t, p)
		o := offer{entries: 1, files: 1, bytes: 1, names: names}
		a.p.tell(kOffer, o.append(nil))
		if f, err := a.p.next(); err != nil || f.kind != kWait {
			t.Fatalf("%q: frame %v, %v", names, f.kind, err)
		}
	}
}

func TestEmptyFilesAreFoundAgain(t *testing.T) { // spec F5.2
	p := newPair(t, All)
	write(t, filepath.Join(p.src, "d", "empty"), nil)
	write(t, filepath.Join(p.src, "d", "full"), []byte("x"))
	for range 3 {
		if err := p.send("d"); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(tree(t, p.files)); !slices.Equal(got, []string{"d/", "d/empty", "d/full"}) {
		t.Errorf("files: %q", got)
	}
}

func TestSkipMustNameTheNextFile(t *testing.T) { // spec F1
	p := newPair(t, All)
	a := attack(t, p)
	a.offer(entry{size: 1, path: "a"}, entry{size: 1, path: "b"})
	a.p.tell(kSkip, coded{1, "not this one"}.append(nil))
	a.failed(FailProtocol)
}

func TestTransfersOfOneSenderAreBounded(t *testing.T) { // spec F3.3
	p := newPair(t, All)
	for i := range maxActivePerPeer {
		attack(t, p).offer(entry{size: 1, path: fmt.Sprint("f", i)})
	}
	a := attack(t, p)
	a.p.tell(kOffer, (&offer{id: Hash{9}, entries: 1, files: 1, bytes: 1, names: []string{"x"}}).append(nil))
	f, err := a.p.next()
	if err != nil || f.kind != kReject {
		t.Fatalf("one too many: frame %v, %v", f.kind, err)
	}
	if c, err := parseCoded(f.body); err != nil || c.code != RejectedBusy {
		t.Errorf("REJECT %d, %v", c.code, err)
	}
}

func TestListsOfAllSendersAreBounded(t *testing.T) { // spec F3.3
	p := newPair(t, All)
	p.b.maxListed = 100
	write(t, filepath.Join(p.src, "a"), []byte("x"))
	for range 20 { // what ended does not count
		if err := p.send("a"); err != nil {
			t.Fatal(err)
		}
	}
	attack(t, p).offer(entry{size: 1, path: strings.Repeat("b", 90)})
	var refused *RefusedError
	for p.b.listed.Load() < 90 {
		runtime.Gosched()
	}
	if err := p.send("a"); !errors.As(err, &refused) || refused.Code != RejectedBusy {
		t.Errorf("%v", err)
	}
}

func TestBlockedSendersAreRefused(t *testing.T) { // spec F3.1
	p := newPair(t, All)
	p.b.cfg.Block = func(s sid.SID) bool { return s == p.as }
	write(t, filepath.Join(p.src, "a"), []byte("x"))
	var refused *RefusedError
	if err := p.send("a"); !errors.As(err, &refused) || refused.Code != RejectedByRule {
		t.Errorf("%v", err)
	}
}

func TestManyWaitsAreOneNews(t *testing.T) { // spec F3.2
	p := newPair(t, All)
	write(t, filepath.Join(p.src, "a"), []byte("x"))
	p.b.Close()
	l, err := end{p.net, p.bs}.ListenService(Service)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		r := newPipe(c)
		defer r.close()
		r.next()
		for range 1000 {
			r.send(kWait, appendText(nil, "wait"), nil)
		}
		r.tell(kReject, coded{RejectedByPerson, "no"}.append(nil))
		r.linger()
	}()
	waits := 0
	p.a.Send(t.Context(), p.bs, []string{filepath.Join(p.src, "a")}, func(e Event) {
		if e.Kind == Waiting {
			waits++
		}
	})
	if waits != 1 {
		t.Errorf("%d news", waits)
	}
}

func TestInboxNamesAreShortAndDistinct(t *testing.T) {
	b := &inbox{}
	var ids []string
	for i := range 300 {
		id := b.shortID(derived("test", []byte(fmt.Sprint(i%10)))) // many with the same transfer id
		ids = append(ids, id)
		b.items = append(b.items, &Item{ID: id, State: StateDone})
	}
	for i, x := range ids {
		if len(x) < 3 || len(x) > 4 {
			t.Errorf("%q is not short", x)
		}
		for _, y := range ids[:i] {
			if strings.HasPrefix(x, y) || strings.HasPrefix(y, x) {
				t.Fatalf("%q and %q", x, y)
			}
		}
	}
	b.items = []*Item{{ID: "abc", State: StateDone}, {ID: "abd", State: StateWaiting}, {ID: "xyz"}}
	for typed, want := range map[string]string{"abc": "abc", "AB": "abd", "x": "xyz", "": "", "q": ""} {
		got := ""
		if it := b.named(typed); it != nil {
			got = it.ID
		}
		if got != want {
			t.Errorf("%q is %q, want %q", typed, got, want)
		}
	}
}

func TestUnreadableFilesBelowAreLeftOut(t *testing.T) { // spec F2.1
	if os.Geteuid() == 0 {
		t.Skip("root can read everything")
	}
	p := newPair(t, All)
	write(t, filepath.Join(p.src, "d", "open"), []byte("x"))
	write(t, filepath.Join(p.src, "d", "shut"), []byte("x"))
	os.Chmod(filepath.Join(p.src, "d", "shut"), 0)
	err := p.send("d")
	var skipped *SkippedError
	if !errors.As(err, &skipped) || !slices.Equal(skipped.Files, []string{"d/shut: permission denied"}) {
		t.Errorf("%v", err)
	}
	if got := names(tree(t, p.files)); !slices.Equal(got, []string{"d/", "d/open"}) {
		t.Errorf("files: %q", got)
	}
}
