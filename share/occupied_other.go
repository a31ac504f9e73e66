//go:build !unix

package share

import "io/fs"

// occupied is how many bytes of disk a file takes.
func occupied(info fs.FileInfo) int64 { return info.Size() }
