package host

import (
	"runtime"
	"time"

	"github.com/caracal-mesh/caracal/internal/lan"
	"github.com/caracal-mesh/caracal/internal/udp"
	"github.com/caracal-mesh/caracal/link"
)

const (
	batchBytes     = 384 << 10 // a whole queue of full packets
	batchDatagrams = 512
	// owesFor is how long what was said may wait for more to be said.
	owesFor = time.Millisecond
	// maxRounds is how long a caller may be kept sending what others bring up.
	maxRounds = 16
	// maxReads is how often a reader reads many small datagrams before the node processes.
	maxReads = 8
	// floodPause is how long the reader of handshakes rests after a full call.
	floodPause = time.Millisecond
	// readPause is how long a reader waits after an error that is not the end.
	readPause = 10 * time.Millisecond
)

const (
	// crowd is how many wait for something to come when it is worth gathering what they do,
	crowd = 8
	// if some of them were woken together so short ago. Many who only wait are no crowd.
	crowdFor = 10 * time.Millisecond
)

// crowded reports whether many use streams at the same time. It is called with the lock held.
func (h *Host) crowded(now time.Time) bool {
	return h.readers.Load() >= crowd && now.Sub(h.together) < h.crowdFor
}

// A pump lets the node process and writes what comes out. Whoever touched the
// node runs it; while one writes, with the lock released, others leave their
// work to it. So datagrams leave in the order they were made, with one batch,
// and nobody waits for a system call of somebody else.
//
//	Do, read, timer ──lock──▶ touch the node ──▶ running? ──yes──▶ stale = true, unlock
//	                                                └─no──▶ Processing, unlock, Write, lock, again while stale
//
// Invariant: all fields are guarded by the Host's lock, but out belongs to
// whoever set running.
type pump struct {
	h       *Host
	out     *link.Batch
	timer   *time.Timer
	armed   time.Time // when timer fires; zero: it does not
	stale   bool      // the node was touched since it last processed
	owes    bool      // and nobody has been told to let it
	running bool
	wanted  chan struct{} // later
	stopped bool
}

func (p *pump) init(h *Host) {
	p.h = h
	p.out = link.NewBatch(batchBytes, batchDatagrams)
	p.timer = time.AfterFunc(time.Hour, p.fire)
	p.timer.Stop()
	p.wanted = make(chan struct{}, 1)
}

// fire is the timer's goroutine.
func (p *pump) fire() {
	p.h.mu.Lock()
	p.armed = time.Time{}
	p.run()
}

// run is called with the lock held and the node touched; it returns with the
// lock released.
func (p *pump) run() {
	p.stale = true
	for round := 0; !p.running && p.stale && !p.stopped; round++ {
		if round == maxRounds {
			p.arm(p.h.clock.now()) // somebody else shall go on
			break
		}
		p.stale, p.owes = false, false
		p.process()
	}
	p.h.mu.Unlock()
}

// soon is run at the next call, or in a moment. It is called with the lock held.
func (p *pump) soon(now time.Time) {
	if !p.stale { // else somebody is about to run
		p.stale, p.owes = true, true
		p.arm(now.Add(owesFor))
	}
}

// later is run, by a goroutine of its own, which gets its turn when those that run now wait:
// so what many do at a time leaves in few packets.
func (p *pump) later() {
	p.stale = true
	p.h.mu.Unlock()
	select {
	case p.wanted <- struct{}{}:
	default: // it is about to run
	}
}

// runWanted is that goroutine.
func (p *pump) runWanted() {
	for {
		select {
		case <-p.h.ctx.Done():
			return
		case <-p.wanted:
			runtime.Gosched() // Go runs next what was readied last: others shall have their turn before
			p.h.mu.Lock()
			p.run()
		}
	}
}

// process lets the node do what is due and writes it.
func (p *pump) process() {
	now := p.h.clock.now()
	next := p.h.node.Processing(now, p.out)
	p.h.Wake(p.h.node)
	p.h.keepSequence()
	if !next.IsZero() && !next.After(now) {
		p.stale = true
	} else {
		p.arm(next)
	}
	if p.out.Len() == 0 {
		return
	}
	if p.h.taps.on() {
		p.h.tapOut(now, p.out)
	}
	p.running = true
	p.h.mu.Unlock()
	p.h.socket.Write(p.out)
	p.out.Reset()
	p.h.mu.Lock()
	p.running = false
}

// arm makes the timer fire no later than next. When it is armed for earlier it
// stays so: processing early does nothing, and resetting costs.
func (p *pump) arm(next time.Time) {
	if next.IsZero() || p.stopped || !p.armed.IsZero() && !next.Before(p.armed) {
		return
	}
	p.armed = next
	p.timer.Reset(max(next.Sub(p.h.clock.now()), 0))
}

func (p *pump) stop() {
	if p.h == nil {
		return
	}
	p.h.mu.Lock()
	defer p.h.mu.Unlock()
	p.stopped = true
	p.timer.Stop()
}

// receive gives the node what was read, and lets those go on who waited for it.
func (h *Host) receive(r *udp.Reader) {
	now := h.clock.now()
	for from, datagram := range r.Datagrams() {
		from = h.table.From(from)
		if h.taps.on() {
			h.tapIn(now, from, datagram)
		}
		h.node.Receive(now, from, datagram)
	}
	h.Wake(h.node)
}

// heard takes a beacon from the discovery socket.
func (h *Host) heard(from link.Path, by lan.Channel, datagram []byte) {
	h.mu.Lock()
	if from.Iface == 0 { // the system does not tell
		from = h.table.From(from)
	}
	h.ears.hear(from, by, h.own(from.Addr), h.clock.now())
	if !h.table.Heard(from.Iface, from.Addr.Addr()) {
		h.mu.Unlock()
		return
	}
	now := h.clock.now()
	if h.taps.on() {
		h.tapIn(now, from, datagram)
	}
	h.node.Receive(now, from, datagram)
	h.pump.run()
}
