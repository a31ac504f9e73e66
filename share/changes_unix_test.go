//go:build unix

package share

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// Whatever becomes of files while they are sent, what was not what was listed is not given as that, and the rest arrives. It
// shows too that no more than three parcels are read before they can be sent.
func TestFilesThatChangeWhileTheyAreSent(t *testing.T) { // spec F4.5, F7.8
	p := newPair(t, All)
	d := filepath.Join(p.src, "d")
	write(t, filepath.Join(d, "a-cut"), random(1, heldAt+4*parcelSize))
	for _, n := range []string{"b-grown", "c-gone", "d-linked", "e-rewritten", "f-pipe", "g/in-a-linked-folder", "z-kept"} {
		write(t, filepath.Join(d, n), random(2, 1000))
	}
	ended, goOn := p.begunWith("d")
	elsewhere := t.TempDir()
	write(t, filepath.Join(elsewhere, "in-a-linked-folder"), random(2, 1000)) // even the same content
	for _, err := range []error{
		os.Truncate(filepath.Join(d, "a-cut"), heldAt+4*parcelSize-chunkSize/2),
		os.WriteFile(filepath.Join(d, "b-grown"), random(2, 1001), 0o644),
		os.Remove(filepath.Join(d, "c-gone")),
		os.Remove(filepath.Join(d, "d-linked")),
		os.Symlink("z-kept", filepath.Join(d, "d-linked")),
		os.Chtimes(filepath.Join(d, "e-rewritten"), time.Unix(1e9, 0), time.Unix(1e9, 0)),
		os.Remove(filepath.Join(d, "f-pipe")),
		syscall.Mkfifo(filepath.Join(d, "f-pipe"), 0o644),
		os.RemoveAll(filepath.Join(d, "g")),
		os.Symlink(elsewhere, filepath.Join(d, "g")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	goOn()
	var skipped *SkippedError
	if err := <-ended; !errors.As(err, &skipped) || len(skipped.Files) != 7 {
		t.Errorf("%v", err)
	}
	if got := names(tree(t, p.files)); !slices.Equal(got, []string{"d/", "d/g/", "d/z-kept"}) {
		t.Errorf("arrived: %q", got)
	}
}

// Where the system has no calls for it, or forbids them, files are opened, made and named with more of them.
func TestFilesAreOpenedAndNamedWithoutTheNewCalls(t *testing.T) { // spec F6.3, F7.8
	dir := t.TempDir()
	write(t, filepath.Join(dir, "d", "file"), []byte("content"))
	os.Symlink("file", filepath.Join(dir, "d", "link"))
	syscall.Mkfifo(filepath.Join(dir, "d", "pipe"), 0o644)
	at, err := newPlace(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	defer at.close()
	for _, open := range []func(string) (*os.File, error){at.open, at.openCarefully} {
		f, err := open("d/file")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(f); err != nil || string(got) != "content" {
			t.Errorf("%q, %v", got, err)
		}
		f.Close()
		for _, name := range []string{"d/link", "d/pipe", "d", "d/nothing", "../" + filepath.Base(dir) + "/d/file"} {
			if _, err := open(name); err == nil || errors.Is(err, fs.ErrNotExist) != (name == "d/nothing") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}

	s, err := openStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for i, content := range []string{"one", "two"} {
		f, err := s.partial("key", true)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString(content)
		f.Close()
		if err := s.link(partialPath("key"), "name"); errors.Is(err, fs.ErrExist) != (i == 1) {
			t.Errorf("%s: %v", content, err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(s.dir, "name")); err != nil || !bytes.Equal(got, []byte("one")) {
		t.Errorf("%q, %v", got, err)
	}
}
