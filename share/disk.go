package share

// FreeSpace is the number of bytes free for us below dir; ok is false when unknown.
func FreeSpace(dir string) (n int64, ok bool) { return freeSpace(dir) }

// IsFull reports whether err says that the disk, or our share of it, is full.
func IsFull(err error) bool { return isFull(err) }
