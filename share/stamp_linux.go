package share

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// stampOf is the stamp of a file.
func stampOf(info fs.FileInfo) stamp {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return stamp{modified: uint64(info.ModTime().UnixNano())}
	}
	return stamp{st.Ino, uint64(info.ModTime().UnixNano()), uint64(syscall.TimespecToNsec(st.Ctim))}
}

// stampAt is the stamp of the file name, one element, in dir.
func stampAt(dir *os.File, name string) (stamp, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return stamp{}, err
	}
	return stamp{st.Ino, uint64(unix.TimespecToNsec(st.Mtim)), uint64(unix.TimespecToNsec(st.Ctim))}, nil
}
