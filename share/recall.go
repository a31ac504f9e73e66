package share

import (
	"net"
)

// memorySuffix ends the name under which a receiver keeps what it remembers of a transfer, beside the partial files.
const memorySuffix = ".known"

// recall takes up what is remembered of the transfer (spec F5.8).
func (r *receiver) recall() {
	s := r.x.store
	want := partialID(r.from, r.offer.id) + memorySuffix
	if r.m.bytes < memoryLeast {
		return
	}
	if r.memKey = s.claim(want); r.memKey != want { // cannot be, by F5.6
		return
	}
	if f, err := s.partial(want, false); err == nil {
		r.mem = r.x.newMemory(f, "receive "+want, &r.m)
		r.land.mem = r.mem
	}
}

// leaveMemory keeps what is remembered for another time, unless the transfer is over.
func (r *receiver) leaveMemory(err error) {
	if r.memKey == "" {
		return
	}
	r.mem.close()
	if err == nil || r.cancelled.Load() || r.mem == nil || r.mem.size == 0 {
		r.x.store.root.Remove(partialPath(r.memKey))
	}
	r.x.store.unclaim(r.memKey)
}

// prove reads once more what was taken as remembered.
func (r *receiver) prove() error {
	for _, o := range r.owing {
		f, err := r.x.store.root.Open(o.name)
		if err != nil {
			return r.misremembered()
		}
		ok := proves(f, o.length, o.root, r.buf, r.p.dead.Load)
		f.Close()
		if !ok {
			return r.misremembered()
		}
	}
	return nil
}

// misremembered tells why reading did not prove what was remembered, which is forgotten unless the stream ended meanwhile.
func (r *receiver) misremembered() error {
	if r.p.dead.Load() {
		return net.ErrClosed
	}
	r.mem.forget()
	return errMisremembered
}
