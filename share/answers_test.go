package share

import (
	"errors"
	"maps"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestGetterTakesOnlyTheAnswerToItsQuestion(t *testing.T) { // spec F7.1
	ours, theirs := net.Pipe()
	g, giver := &from{p: newPipe(ours)}, newPipe(theirs)
	defer g.p.close()
	defer giver.close()
	f := &fetch{}
	go func() {
		giver.tell(kHashed, make([]byte, 40))
		giver.tell(kReject, coded{RejectedSpent, "x"}.append(nil))
		giver.tell(kSkip, coded{7, "another"}.append(nil))
	}()
	var protocol protocolError
	if _, _, err := g.given(f, kChunk, 1); !errors.As(err, &protocol) {
		t.Errorf("hashes instead of a chunk: %v", err)
	}
	_, _, err := g.given(f, kChunk, 1)
	refusedWith(t, err, RejectedSpent)
	if _, _, err := g.given(f, kChunk, 1); !errors.As(err, &protocol) {
		t.Errorf("another file is skipped: %v", err)
	}
}

// partialOf is where B keeps what it has of a file of A's.
func (p *pair) partialOf(path string) string {
	p.t.Helper()
	src, err := scan(p.t.Context(), []string{filepath.Join(p.src, path)})
	if err != nil {
		p.t.Fatal(err)
	}
	src.close()
	return filepath.Join(p.files, partialDir, partialKey(p.as, src.manifest.file(0)))
}

func TestPartialFileThatIsTooLongIsCut(t *testing.T) { // spec F5.3
	p := newPair(t, All)
	write(t, filepath.Join(p.src, "a"), random(1, 3*chunkSize))
	write(t, p.partialOf("a"), random(2, 9*chunkSize))
	if err := p.send("a"); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(tree(t, p.files), tree(t, p.src)) {
		t.Error("content differs")
	}
}

// Between the moment a receiver tells what it has and that at which it goes on, its disk may change.
func TestPartialFileThatChangesAfterItWasTold(t *testing.T) { // spec F5.3
	p := newPair(t, All)
	content := random(1, 3*chunkSize)
	e := entry{size: 3 * chunkSize, path: "x"}
	name := filepath.Join(p.files, partialDir, partialKey(p.as, &e))
	write(t, name, content[:2*chunkSize])
	a := attack(t, p)
	a.offer(e)
	var told spot
	for f, err := a.p.next(); f.kind != kHad; f, err = a.p.next() {
		if err != nil {
			t.Fatal(err)
		}
		if f.kind == kHave {
			parseSpots(f.body, func(s spot) { told = s })
		}
	}
	if told.length != 2*chunkSize {
		t.Fatalf("told: %+v", told)
	}
	content[chunkSize]++
	if err := os.WriteFile(name, content[:2*chunkSize], 0o644); err != nil {
		t.Fatal(err)
	}
	a.p.tell(kFile, told.append(nil))
	a.failed(FailVerify)
}

// A receiver that refuses while the list comes may be gone before the list is: what it said is heard all the same.
func TestLastWordOfWhoTakesNoMoreOfTheList(t *testing.T) { // spec F3.3
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), []byte("a"))
	src, err := scan(t.Context(), []string{filepath.Join(dir, "a")})
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	ours, theirs := net.Pipe()
	go func() {
		theirs.Read(make([]byte, maxBody)) // the offer
		theirs.Write(appendFrame(nil, kAccept, appendText(nil, "all")))
		theirs.Write(appendFrame(nil, kReject, coded{RejectedBusy, "too many"}.append(nil)))
		theirs.Close()
	}()
	s := newSender(newPipe(ours), src, &control{}, func(func(*Event)) {})
	refusedWith(t, s.run(t.Context()), RejectedBusy)
}
