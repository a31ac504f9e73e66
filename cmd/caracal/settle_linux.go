package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A mapping is where a file stands in this process.
type mapping struct{ start, end uintptr }

// forgetFilePages unmaps all pages of files that can be had again as they are: the program's code and constants. They stay
// in the kernel's cache, which may now let them go, and come back where they are used (madvise(2), MADV_DONTNEED).
func forgetFilePages() error {
	smaps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer smaps.Close()
	list, err := unchangedMappings(smaps)
	for _, m := range list {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED); errno != 0 {
			err = errors.Join(err, errno)
		}
	}
	return err
}

// unchangedMappings reads smaps (proc_pid_smaps(5)): the private mappings of files that nobody can write to and that have
// no page of their own, as they have where a loader has relocated constants or a debugger has set breakpoints.
func unchangedMappings(smaps io.Reader) (list []mapping, err error) {
	var m mapping
	var whole bool // of a file, private, not to be written to
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) == 3 && f[0] == "Anonymous:" && f[1] == "0" && whole:
			list = append(list, m)
		case len(f) >= 5 && len(f[1]) == 4 && !strings.HasSuffix(f[0], ":"):
			whole = f[1][0] == 'r' && f[1][1] == '-' && f[1][3] == 'p' && f[4] != "0"
			if m, err = parseMapping(f[0]); err != nil {
				return nil, err
			}
		}
	}
	return list, lines.Err()
}

// parseMapping reads addresses such as 00400000-00bb6000.
func parseMapping(s string) (m mapping, err error) {
	from, to, _ := strings.Cut(s, "-")
	start, err := strconv.ParseUint(from, 16, strconv.IntSize)
	end, err2 := strconv.ParseUint(to, 16, strconv.IntSize)
	if err = errors.Join(err, err2); err == nil && end <= start {
		err = errors.New("a mapping without pages: " + s)
	}
	return mapping{uintptr(start), uintptr(end)}, err
}
