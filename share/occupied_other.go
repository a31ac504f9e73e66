//go:build !unix

package share

import "io/fs"

// occupied is how many bytes of disk a file takes.
func occupied(info fs.FileInfo) int64 { return info.Size() }

// inode is 0: unknown.
func inode(fs.FileInfo) uint64 { return 0 }
