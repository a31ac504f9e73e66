//go:build linux || darwin || freebsd

package share

import (
	"errors"

	"golang.org/x/sys/unix"
)

// freeSpace is the number of bytes free for us below dir; ok is false when unknown.
func freeSpace(dir string) (n int64, ok bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}

// isFull reports whether err says that the disk, or our share of it, is full.
func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
