package share

import (
	"sync"
	"sync/atomic"
)

// A control lets somebody pause a transfer. The zero control is running; so is nil.
type control struct {
	off    atomic.Bool
	mu     sync.Mutex
	resume chan struct{} // closed when it goes on; nil when it is not paused
}

// pause stops the transfer at its next chunk, or lets it go on.
func (c *control) pause(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off.Store(on)
	switch {
	case on && c.resume == nil:
		c.resume = make(chan struct{})
	case !on && c.resume != nil:
		close(c.resume)
		c.resume = nil
	}
}

// paused reports whether it is paused.
func (c *control) paused() bool { return c != nil && c.off.Load() }

// wait returns at once, or when a pause or the stream is over.
func (c *control) wait(stop <-chan struct{}) {
	if !c.paused() {
		return
	}
	c.mu.Lock()
	on := c.resume
	c.mu.Unlock()
	if on == nil {
		return
	}
	select {
	case <-on:
	case <-stop:
	}
}
