package share

import "slices"

// A unit is what is asked for at once: chunks, or the hashes of a file.
type unit struct {
	parts  []segment
	hashes bool    // parts is the whole of one file
	by     []*from // who was asked
}

// Sizes of a unit of chunks.
const (
	unitChunks = 32 // of a large file
	unitFiles  = 256
)

// take is what to ask g for next; nil when there is nothing, now or, if wait, at all.
func (f *fetch) take(g *from, wait bool) *unit {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.err == nil && f.left > 0 {
		if u := f.ready(); u != nil {
			return f.asked(u, g)
		}
		if wait {
			if u := f.twice(g); u != nil {
				u.by = append(u.by, g)
				return u
			}
		} else {
			return nil
		}
		f.changed.Wait()
	}
	return nil
}

func (f *fetch) asked(u *unit, g *from) *unit {
	u.by = append(u.by, g)
	f.out = append(f.out, u)
	return u
}

// ready is the next unit to ask for, from the queue or of files not begun. f.mu is held.
func (f *fetch) ready() *unit {
	for i, u := range f.queue {
		if f.sink.may(int(u.parts[0].file), u.parts[0].first) {
			f.queue = slices.Delete(f.queue, i, i+1)
			return u
		}
	}
	if len(f.queue) > 0 {
		return nil
	}
	var small unit
	bytes := uint64(0)
	for f.next < len(f.files) && len(small.parts) < unitFiles && bytes < unitChunks*chunkSize {
		n := f.next
		size := f.list.m.file(uint64(n)).size
		if size > chunkSize {
			if len(small.parts) > 0 {
				break
			}
			f.next++
			return &unit{hashes: true, parts: []segment{{uint64(n), 0, chunks(size)}}}
		}
		f.next++
		if f.begin(n) {
			small.parts = append(small.parts, segment{uint64(n), 0, 1})
			bytes += size
		}
	}
	if len(small.parts) == 0 {
		return nil
	}
	return &small
}

// twice is what others were asked for and have not given, to be asked for once more (spec F8.2). f.mu is held.
func (f *fetch) twice(g *from) *unit {
	if f.next < len(f.files) || len(f.queue) > 0 {
		return nil
	}
	for _, u := range f.out {
		if len(u.by) == 1 && u.by[0] != g {
			return u
		}
	}
	return nil
}

// returned notes that g gave a unit.
func (f *fetch) returned(u *unit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.out = slices.DeleteFunc(f.out, func(o *unit) bool { return o == u })
	f.changed.Broadcast()
}

// giveBack puts what g was asked for back into the queue.
func (f *fetch) giveBack(g *from) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.out = slices.DeleteFunc(f.out, func(u *unit) bool {
		u.by = slices.DeleteFunc(u.by, func(o *from) bool { return o == g })
		if len(u.by) > 0 {
			return false
		}
		f.queue = append(f.queue, u)
		return true
	})
	f.changed.Broadcast()
}
