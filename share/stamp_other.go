//go:build !linux

package share

import (
	"errors"
	"io/fs"
	"os"
)

// stampOf is the stamp of a file, without the time of its last change.
func stampOf(info fs.FileInfo) stamp { return stamp{modified: uint64(info.ModTime().UnixNano())} }

// stampAt is for Linux: elsewhere os.Root does as well.
func stampAt(*os.File, string) (stamp, error) { return stamp{}, errors.ErrUnsupported }
