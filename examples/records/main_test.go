package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// S66: a program of about thirty lines, in a module of its own, imports ours and has two nodes exchange records.
func TestS66AProgramOfThirtyLines(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a program")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if body := bytes.Count(program[bytes.Index(program, []byte("func main")):bytes.Index(program, []byte("\n}\n"))], []byte("\n")); body > 30 {
		t.Errorf("it has %d lines", body)
	}
	ours, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	const name = "github.com/caracal-mesh/caracal"
	mod := bytes.Replace(ours, []byte("module "+name), []byte("module example.org/records"), 1)
	mod = append(mod, "\nrequire "+name+" v0.0.0\nreplace "+name+" => "+filepath.ToSlash(root)+"\n"...)
	dir := t.TempDir()
	for name, data := range map[string][]byte{"main.go": program, "go.mod": mod, "go.sum": sums} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.Command("go", "run", ".")
	run.Dir = dir
	run.Env = append(os.Environ(), "GOFLAGS=-mod=mod "+os.Getenv("GOFLAGS"), "GOPROXY=off", "GOWORK=off")
	out, err := run.CombinedOutput()
	if want := "Bob hears \"Hello Bob\"\nAlice is who Bob greets: true\n"; err != nil || string(out) != want {
		t.Errorf("%v, and it says\n%s", err, out)
	}
}
