package share

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"sync/atomic"
)

// spare is the disk space left untouched, in bytes (spec F6.4).
const spare = 16 << 20

// A promise is room on the disk that is kept for one transfer.
type promise struct {
	x    *Exchange
	left atomic.Int64
}

// use tells that so many bytes of it are written.
func (p *promise) use(n int64) {
	if p.x == nil {
		return
	}
	if over := p.left.Add(-n); over < 0 {
		p.left.Add(-over)
		n += over
	}
	p.x.promised.Add(-n)
}

// end gives back what was not used.
func (p *promise) end() { p.use(p.left.Load()) }

// room promises so many bytes of the disk to a transfer. A *RefusedError tells that
// the disk, or the quota, has no room for them beside what was promised to others (spec F6.4, F6.5).
func (x *Exchange) room(missing int64, to *promise) error {
	before := x.promised.Add(missing) - missing
	why := ""
	if free, ok := freeSpace(x.store.dir); ok && missing > free-spare-before {
		why = fmt.Sprintf("no space, %s free", Size(max(0, free-spare-before)))
	} else if x.quota.Load() > 0 && missing > 0 {
		if left := x.quota.Load() - used(x.store.dir) - before; missing > left {
			why = fmt.Sprintf("no space, %s of its quota left", Size(max(0, left)))
		}
	}
	if why != "" {
		x.promised.Add(-missing)
		return &RefusedError{RejectedNoSpace, why}
	}
	to.x = x
	to.left.Store(missing)
	return nil
}

// used is how many bytes the files below a folder take.
func used(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			n += occupied(info)
		}
		return nil
	})
	return n
}
