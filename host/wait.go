package host

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A deadline is the point in time after which calls fail. The zero deadline never comes.
type deadline struct {
	used    atomic.Bool // it was set once: most never are
	mu      sync.Mutex
	timer   *time.Timer
	moved   int                  // times it was set: a timer of before does nothing
	expired chan struct{}        // closed when it has come; made anew when it is moved after that; nil until it is used
	reads   atomic.Pointer[turn] // of the socket that who waits may read; the latest one's, where several wait
}

// never is a deadline that nobody sets.
var never deadline

// set moves the deadline to t, zero for never. The first time, who waits does not know of it yet and is to be woken.
func (d *deadline) set(t time.Time) (first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	first = !d.used.Swap(true)
	d.moved++
	if d.timer != nil {
		d.timer.Stop()
	}
	if d.expired == nil || isClosed(d.expired) {
		d.expired = make(chan struct{})
	}
	if t.IsZero() {
		return first
	}
	left := time.Until(t)
	if left <= 0 {
		close(d.expired)
		return first
	}
	moved := d.moved
	d.timer = time.AfterFunc(left, func() { d.expire(moved) })
	return first
}

// expire is the timer that was set with the given move.
func (d *deadline) expire(moved int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.moved == moved {
		close(d.expired)
	}
}

// wait is closed once the deadline has come; nil while it was never set.
func (d *deadline) wait() <-chan struct{} {
	if !d.used.Load() {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.expired
}

// passed reports whether it has come.
func (d *deadline) passed() bool { return d.used.Load() && isClosed(d.wait()) }

// look has who waits by reading a socket see that something has ended it.
func (d *deadline) look() {
	if t := d.reads.Load(); t != nil {
		t.reader.Interrupt()
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// A waiter tells what ends the waiting of one side of a connection. Who closes that, or sets the deadline for the first time, wakes
// who waits by what it waits for.
type waiter struct {
	deadline *deadline
	closed   *atomic.Bool    // this connection
	shut     <-chan struct{} // all of them
}

// ready is nil while a call may go on.
func (w waiter) ready() error {
	switch {
	case w.closed.Load(), isClosed(w.shut):
		return net.ErrClosed
	case w.deadline.passed():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// errDone tells that the caller's context has ended.
var errDone = errors.New("context done")

// untilDone is until that also ends with errDone when done is closed.
func (w waiter) untilDone(changed, done <-chan struct{}) error {
	if isClosed(done) {
		return errDone
	}
	if w.closed.Load() {
		return net.ErrClosed
	}
	select {
	case <-changed:
		return nil
	case <-done:
		return errDone
	case <-w.deadline.wait():
		return os.ErrDeadlineExceeded
	case <-w.shut:
		return net.ErrClosed
	}
}

// until waits for the change, and returns nil when it came first.
func (w waiter) until(changed <-chan struct{}) error { return w.untilDone(changed, nil) }
