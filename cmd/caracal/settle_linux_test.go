package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What can be had from the file again is let go of; what was changed in memory only is kept.
func TestOnlyPagesOfFilesAreForgotten(t *testing.T) {
	size := 64 * os.Getpagesize()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, bytes.Repeat([]byte{1}, size), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, changed := mapped(t, f, size, unix.PROT_READ), mapped(t, f, size, unix.PROT_READ|unix.PROT_WRITE)
	changed[0] = 2
	if err := unix.Mprotect(changed, unix.PROT_READ); err != nil { // as a loader does with constants that it has relocated
		t.Fatal(err)
	}
	for at := 0; at < size; at += os.Getpagesize() {
		if plain[at] != 1 {
			t.Fatal("the file is not what was written")
		}
	}
	if was := resident(t, plain); was == 0 {
		t.Fatal("no page was mapped")
	}
	if err := forgetFilePages(); err != nil {
		t.Fatal(err)
	}
	if is := resident(t, plain); is != 0 {
		t.Errorf("%d KB of the file are still mapped", is)
	}
	if plain[size-1] != 1 || changed[0] != 2 || changed[size-1] != 1 {
		t.Error("what was in memory is not there any more")
	}
}

func mapped(t *testing.T, f *os.File, size, prot int) []byte {
	b, err := unix.Mmap(int(f.Fd()), 0, size, prot, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(b) })
	return b
}

// resident is how many KB of a mapping are mapped.
func resident(t *testing.T, b []byte) (kb int) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	start, here := fmt.Sprintf("%08x-", uintptr(unsafe.Pointer(&b[0]))), false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if here = here || strings.HasPrefix(lines.Text(), start); !here {
			continue
		}
		if n, _ := fmt.Sscanf(lines.Text(), "Rss: %d kB", &kb); n == 1 {
			return kb
		}
	}
	t.Fatal("the mapping is not listed")
	return 0
}
