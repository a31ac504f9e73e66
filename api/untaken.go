package api

import (
	"sync"
	"time"
)

// An untaken is the streams that came for programs and that those have not taken yet.
type untaken struct {
	mu   sync.Mutex
	byID map[string]*waiting
}

type waiting struct {
	k     *carrier
	timer *time.Timer
	taken func() // gives its place back
}

// put keeps a stream for takeWithin.
func (u *untaken) put(id string, k *carrier, taken func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byID == nil {
		u.byID = make(map[string]*waiting)
	}
	u.byID[id] = &waiting{k: k, taken: taken, timer: time.AfterFunc(takeWithin, func() {
		if k := u.take(id); k != nil {
			k.c.Reset(codeLeft, "the program there does not answer")
		}
	})}
}

// take gives a stream to a program; nil when there is none.
func (u *untaken) take(id string) *carrier {
	u.mu.Lock()
	w := u.byID[id]
	delete(u.byID, id)
	u.mu.Unlock()
	if w == nil {
		return nil
	}
	w.timer.Stop()
	w.taken()
	return w.k
}
