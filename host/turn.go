package host

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caracal-mesh/caracal/internal/udp"
)

const (
	// lookAfter is how often the goroutine of a socket looks whether somebody reads it who was lent the turn.
	lookAfter = time.Millisecond
	// quickTurns is how often what was read wakes one alone, each time sooner than lookAfter after the one before, before it lends
	// its turn; it is doubled, up to slowTurns, whenever that was for less than longLoan looks.
	quickTurns = 8
	slowTurns  = 1024
	longLoan   = 16
)

// A turn says who reads a socket. It is the socket's own goroutine, until what it reads is again and again for one who waits for
// it: then who waits reads by itself, since waking it, and mostly a thread for it, takes longer than all else
// (docs/adr/0056-who-waits-reads.md). The goroutine looks after that, and takes the turn back when nothing was read in between, or
// when nobody reads.
//
//	socket's goroutine  Read, take … Read, take, lend ── sleep ── look ── … ── nobody reads, or nothing came: take back ── Read …
//	Conn.Read, Write    wait        …           wait ── lead: Read, take ── …
type turn struct {
	reader *udp.Reader
	rhythm rhythm
	mu     sync.Mutex    // who holds it reads
	lent   atomic.Bool   // others may
	reads  atomic.Uint64 // by others
}

// A rhythm is the time by which turns are lent: that of the wall, but in tests, which look when they want.
type rhythm struct {
	now   func() time.Time
	sleep func(time.Duration)
}

var wall = rhythm{time.Now, time.Sleep}

// A loan is what the socket's goroutine knows of when to lend its turn; nobody else touches it.
type loan struct {
	quick, need int
	last        time.Time // that one alone was woken
}

// worth notes that one alone was woken, and reports whether to lend the turn.
func (l *loan) worth(now time.Time) bool {
	if now.Sub(l.last) < lookAfter {
		l.quick++
	} else {
		l.quick = 0
	}
	l.last = now
	return l.quick >= l.need
}

// over notes how many looks it lasted.
func (l *loan) over(looks int) {
	l.quick = 0
	if looks >= longLoan {
		l.need = quickTurns
	} else {
		l.need = min(2*l.need, slowTurns)
	}
}

// lend gives the turn away, and takes it again. It reports after how many looks.
func (t *turn) lend() (looks int) {
	t.lent.Store(true)
	t.mu.Unlock()
	before := t.reads.Load()
	for {
		t.rhythm.sleep(lookAfter)
		if t.mu.TryLock() {
			break // nobody reads
		}
		now := t.reads.Load()
		if now == before {
			t.lent.Store(false)
			t.reader.Interrupt()
			t.mu.Lock()
			break
		}
		before = now
		looks++
	}
	t.lent.Store(false)
	return looks
}

// lead reads the socket of the turn until changed is closed, which it reports. It ends without when it was not lent the turn, it is
// taken back, or w has an end.
func (h *Host) lead(t *turn, w waiter, changed <-chan struct{}) bool {
	if t == nil || !t.lent.Load() || !t.mu.TryLock() {
		return false
	}
	defer t.mu.Unlock()
	for t.lent.Load() && w.ready() == nil {
		if isClosed(changed) {
			return true
		}
		if t.reader.Read() != nil {
			return false
		}
		h.take(t)
		t.reads.Add(1)
	}
	return false
}

// read is the goroutine of one socket: read, receive, process, write, to completion.
func (h *Host) read(r *udp.Reader) {
	t, l := &turn{reader: r, rhythm: h.cfg.rhythm}, loan{need: quickTurns}
	if t.rhythm.now == nil {
		t.rhythm = wall
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		if err := r.Read(); err != nil {
			switch {
			case errors.Is(err, net.ErrClosed):
				return
			case !errors.Is(err, os.ErrDeadlineExceeded): // by an Interrupt that came late
				time.Sleep(readPause)
			}
			continue
		}
		woken := h.take(t)
		if r.Aside() && r.Full() {
			time.Sleep(floodPause) // others have more to do than to answer strangers (spec S6.7)
		}
		if woken == 1 && r.Interruptible() && l.worth(t.rhythm.now()) {
			l.over(t.lend())
		}
	}
}

// take gives the node what was read, and some more where much comes, and reports how many it woke who wait in Read or Write.
func (h *Host) take(t *turn) (woken int) {
	h.mu.Lock()
	h.taking, h.woken = t, 0
	h.receive(t.reader)
	for n := 1; n < maxReads && t.reader.Crowded(); n++ {
		h.mu.Unlock()
		t.reader.More()
		h.mu.Lock()
		h.receive(t.reader)
	}
	now := h.clock.now()
	if woken = h.woken; woken > 1 {
		h.together = now
	}
	if woken > 0 && h.crowded(now) {
		h.pump.later() // they are about to answer
	} else {
		h.pump.run()
	}
	return woken
}
