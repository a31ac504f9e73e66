package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfine runs itself in a process that is confined.
func TestConfine(t *testing.T) {
	if dir := os.Getenv("CARACAL_TEST_CONFINED"); dir != "" {
		confined(t, dir)
		return
	}
	if lsm, err := os.ReadFile("/proc/filesystems"); err != nil || len(lsm) == 0 {
		t.Skip("no /proc")
	}
	dir := t.TempDir()
	for _, d := range []string{"home", "files/partial", "files/tree", "elsewhere"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "elsewhere", "mine"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestConfine$", "-test.v")
	cmd.Env = append(os.Environ(), "CARACAL_TEST_CONFINED="+dir)
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "NO LANDLOCK") {
		t.Skip("this kernel has no Landlock")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "elsewhere", "mine")); string(data) != "mine" {
		t.Errorf("the file elsewhere holds %q", data)
	}
}

// confined is what holds inside.
func confined(t *testing.T, dir string) {
	at := func(p string) string { return filepath.Join(dir, filepath.FromSlash(p)) }
	if err := confine(at("home"), at("files")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("elsewhere/new"), nil, 0o644); err == nil {
		t.Log("NO LANDLOCK")
		t.FailNow()
	} else if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a new file elsewhere: %v", err)
	}
	for what, err := range map[string]error{
		"writing":  os.WriteFile(at("elsewhere/mine"), []byte("theirs"), 0o644),
		"removing": os.Remove(at("elsewhere/mine")),
		"linking":  os.Link(at("elsewhere/mine"), at("files/tree/x")),
	} {
		if err == nil {
			t.Errorf("%s a file elsewhere is possible", what)
		}
	}
	if data, err := os.ReadFile(at("elsewhere/mine")); err != nil || string(data) != "mine" {
		t.Errorf("reading elsewhere: %v", err)
	}
	if err := os.WriteFile(at("files/partial/x"), []byte("x"), 0o644); err != nil {
		t.Errorf("writing a partial file: %v", err)
	}
	if err := os.Link(at("files/partial/x"), at("files/tree/x")); err != nil {
		t.Errorf("giving it its name: %v", err)
	}
	if err := os.WriteFile(at("home/x"), nil, 0o600); err != nil {
		t.Errorf("writing in the home: %v", err)
	}
}
