package doctor

import (
	"io/fs"

	"golang.org/x/sys/windows"
)

// private says that files have modes which keep others out: here the user's profile does.
const private = false

func foreign(fs.FileInfo) bool { return false }

// descriptors: there is no such limit.
func descriptors() (open, limit uint64, known bool) { return 0, 0, false }

// space is the number of bytes free for us in dir.
func space(dir string) (n int64, known bool) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, false
	}
	var free uint64
	if windows.GetDiskFreeSpaceEx(path, &free, nil, nil) != nil {
		return 0, false
	}
	return int64(free), true
}
