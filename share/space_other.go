//go:build !linux && !darwin && !freebsd && !windows

package share

// freeSpace is the number of bytes free for us below dir; ok is false when unknown.
func freeSpace(string) (n int64, ok bool) { return 0, false }

// isFull reports whether err says that the disk, or our share of it, is full.
func isFull(error) bool { return false }
