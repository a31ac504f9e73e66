package link

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

var (
	pathA = Path{Iface: 1, Addr: netip.MustParseAddrPort("10.0.0.1:4117")}
	pathB = Path{Iface: 1, Addr: netip.MustParseAddrPort("[fe80::2]:4117")}
)

func TestBatchRefusesWhatHasNoRoom(t *testing.T) {
	b := NewBatch(10, 3)
	if !b.Append(pathA, make([]byte, 7)) {
		t.Fatal("an empty batch refused")
	}
	if b.Begin(pathA, 4) != nil || b.Append(pathA, make([]byte, 4)) {
		t.Error("took more bytes than there is room for")
	}
	if !b.Append(pathA, make([]byte, 3)) || !b.Append(pathB, nil) {
		t.Error("refused what fits exactly")
	}
	if b.Begin(pathA, 0) != nil || b.Append(pathA, nil) {
		t.Error("took more datagrams than there is room for")
	}
	if b.Len() != 3 {
		t.Errorf("Len = %d, want 3", b.Len())
	}
	b.Reset()
	if b.Len() != 0 || !b.Append(pathA, make([]byte, 10)) {
		t.Error("Reset did not make room")
	}
}

func TestBatchKeepsOnlyWhatIsCommitted(t *testing.T) {
	b := NewBatch(100, 3)
	copy(b.Begin(pathA, 50), "given up")
	copy(b.Begin(pathB, 50), "kept, cut")
	b.Commit(4)
	if path, data := b.Datagram(0); b.Len() != 1 || path != pathB || string(data) != "kept" {
		t.Errorf("%d datagrams, first to %v: %q", b.Len(), path, data)
	}
	if room := b.Begin(pathA, 96); len(room) != 96 || cap(room) != 96 {
		t.Errorf("room %d of %d, want 96", len(room), cap(room))
	}
}

func TestCommitWithoutBeginIsABug(t *testing.T) {
	for name, misuse := range map[string]func(*Batch){
		"nothing begun":     func(b *Batch) { b.Commit(0) },
		"committed twice":   func(b *Batch) { b.Begin(pathA, 4); b.Commit(4); b.Commit(0) },
		"more than lent":    func(b *Batch) { b.Begin(pathA, 4); b.Commit(5) },
		"less than nothing": func(b *Batch) { b.Begin(pathA, 4); b.Commit(-1) },
		"no room":           func(b *Batch) { b.Begin(pathA, 4); b.Begin(pathA, 99); b.Commit(4) },
		"after Reset":       func(b *Batch) { b.Begin(pathA, 4); b.Reset(); b.Commit(4) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r, _ := recover().(string); !strings.HasPrefix(r, "BUG: ") {
					t.Errorf("recovered %q", r)
				}
			}()
			misuse(NewBatch(16, 4))
		})
	}
}

func TestBatchNeverGrows(t *testing.T) {
	b := NewBatch(64, 4)
	if n := testing.AllocsPerRun(10, func() {
		b.Reset()
		for b.Append(pathA, []byte("0123456789")) {
			continue
		}
		for range b.Runs(4, 64) {
			continue
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestRuns(t *testing.T) {
	type datagram struct {
		to   Path
		size int
	}
	a := func(size int) datagram { return datagram{pathA, size} }
	for _, test := range []struct {
		name               string
		maxCount, maxBytes int
		batch              []datagram
		want               []int // datagrams of each run
	}{
		{"nothing", 9, 99, nil, nil},
		{"equal sizes are one run", 9, 99, []datagram{a(5), a(5), a(5)}, []int{3}},
		{"a shorter one ends the run", 9, 99, []datagram{a(5), a(3), a(3)}, []int{2, 1}},
		{"a longer one begins another", 9, 99, []datagram{a(3), a(5), a(5)}, []int{1, 2}},
		{"another path begins another", 9, 99, []datagram{a(5), {pathB, 5}, a(5)}, []int{1, 1, 1}},
		{"the count is bounded", 2, 99, []datagram{a(5), a(5), a(5)}, []int{2, 1}},
		{"the bytes are bounded", 9, 11, []datagram{a(5), a(5), a(1), a(5)}, []int{3, 1}},
		{"one too large goes alone", 9, 4, []datagram{a(5), a(5)}, []int{1, 1}},
		{"an empty one goes alone", 9, 99, []datagram{a(5), a(0), a(0), a(5)}, []int{1, 1, 1, 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := NewBatch(1000, 100)
			for _, d := range test.batch {
				b.Append(d.to, make([]byte, d.size))
			}
			var got []int
			for run := range b.Runs(test.maxCount, test.maxBytes) {
				got = append(got, run.Count)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestRunsMayBeLeft(t *testing.T) {
	b := NewBatch(10, 2)
	b.Append(pathA, []byte("a"))
	b.Append(pathB, []byte("b"))
	for run := range b.Runs(9, 9) {
		if string(run.Data) != "a" {
			t.Errorf("first run is %q", run.Data)
		}
		break
	}
}

// checkRuns takes the runs of a batch apart by the rules of UDP_SEGMENT, and
// compares with the datagrams that went in.
func checkRuns(t *testing.T, b *Batch, maxCount, maxBytes int) {
	t.Helper()
	i := 0
	for run := range b.Runs(maxCount, maxBytes) {
		if run.Count > 1 && (run.Count > maxCount || len(run.Data) > maxBytes) {
			t.Fatalf("run of %d datagrams, %d bytes; at most %d, %d", run.Count, len(run.Data), maxCount, maxBytes)
		}
		rest := run.Data
		for range run.Count {
			size := min(run.Segment, len(rest))
			path, want := b.Datagram(i)
			if path != run.To || !bytes.Equal(rest[:size], want) {
				t.Fatalf("datagram %d: %v %x, want %v %x", i, run.To, rest[:size], path, want)
			}
			rest = rest[size:]
			i++
		}
		if len(rest) != 0 {
			t.Fatalf("%d bytes of the run belong to no datagram", len(rest))
		}
	}
	if i != b.Len() {
		t.Fatalf("runs hold %d datagrams of %d", i, b.Len())
	}
}

func TestRunsHoldTheBatch(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		b := NewBatch(rng.IntN(200), rng.IntN(20))
		for range rng.IntN(30) {
			datagram := make([]byte, 4*rng.IntN(4))
			for i := range datagram {
				datagram[i] = byte(rng.Uint32())
			}
			b.Append([]Path{pathA, pathB}[rng.IntN(2)], datagram)
		}
		checkRuns(t, b, rng.IntN(6), rng.IntN(100))
	}
}

func FuzzRuns(f *testing.F) {
	f.Add([]byte{5, 5, 5, 3, 0x85, 0x80, 0, 9}, 3, 12)
	f.Fuzz(func(t *testing.T, script []byte, maxCount, maxBytes int) {
		b := NewBatch(500, 30)
		for i, c := range script {
			path := pathA
			if c&0x80 != 0 {
				path = pathB
			}
			b.Append(path, bytes.Repeat([]byte{byte(i)}, int(c&0x7f)))
		}
		checkRuns(t, b, maxCount, maxBytes)
	})
}

// A run is as many datagrams, and one run.
func TestCommitRun(t *testing.T) {
	b := NewBatch(100, 5)
	if b.BeginRun(pathA, 50, 6) != nil {
		t.Error("more datagrams than there is room for")
	}
	copy(b.BeginRun(pathA, 50, 4), "aaaaabbbbbccccdddd")
	b.CommitRun(14, 5)
	b.Append(pathA, []byte("e"))
	var got []string
	for i := range b.Len() {
		to, data := b.Datagram(i)
		if got = append(got, string(data)); to != pathA {
			t.Error(to)
		}
	}
	if strings.Join(got, " ") != "aaaaa bbbbb cccc e" {
		t.Error(got)
	}
	for r := range b.Runs(64, 100) {
		if r.Segment == 5 && (r.Count != 3 || string(r.Data) != "aaaaabbbbbcccc") {
			t.Errorf("%+v", r)
		}
	}
	for name, misuse := range map[string]func(*Batch){
		"nothing begun":  func(b *Batch) { b.CommitRun(1, 1) },
		"more datagrams": func(b *Batch) { b.BeginRun(pathA, 9, 2); b.CommitRun(9, 4) },
		"more bytes":     func(b *Batch) { b.BeginRun(pathA, 9, 2); b.CommitRun(10, 9) },
		"none":           func(b *Batch) { b.BeginRun(pathA, 9, 2); b.CommitRun(0, 9) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			misuse(NewBatch(100, 5))
		}()
	}
}
