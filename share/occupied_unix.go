//go:build unix

package share

import (
	"io/fs"
	"syscall"
)

// occupied is how many bytes of disk a file takes: fewer than its size when it has holes.
func occupied(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return min(int64(st.Blocks)*512, info.Size())
	}
	return info.Size()
}
