package simnet

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/link"
)

// A Machine is what runs on a host: a node, or whatever a test puts in its
// place (a model, a liar, a flood).
type Machine interface {
	// Receive takes a datagram, which it may change; the bytes are borrowed.
	Receive(now time.Time, from link.Path, datagram []byte)
	// Processing sends what is due and says when to call again: next == now at
	// once, the zero time never.
	Processing(now time.Time, out *link.Batch) (next time.Time)
	SetInterface(now time.Time, iface uint32, caps link.Caps)
	RemoveInterface(now time.Time, iface uint32)
}

// A Starter makes a host's machine at every start of the host. boot counts the
// starts from 1.
type Starter func(now time.Time, boot uint32) Machine

// maxRounds bounds how often a machine may ask to be called at once.
const maxRounds = 100_000

// A Host is one computer of the world.
type Host struct {
	// OnWake, if set, is called after the machine was processed: the place of the
	// applications, which read what has come and may Do something.
	OnWake func(now time.Time)

	world       *World
	name        string
	start       Starter
	boot        uint32
	machine     Machine // nil while the host is stopped
	ports       []*port // by interface index - 1
	group       int     // of a partition; 0 = none
	place       Place
	placed      bool
	wake        agenda.Entry[*Host]
	busy        bool // in process
	again       bool // process once more
	paused      bool
	relayless   bool    // its node does not carry the traffic of others
	newIdentity bool    // at the next start
	calls       []*Host // that its node was told to call

	clock, skew time.Duration // how far its wall clock is ahead of the world, and what it is told

	received, receivedBytes uint64
}

// AddMachine adds a running host with a machine of any kind. Names are unique.
func (w *World) AddMachine(name string, start Starter) *Host {
	if w.byName[name] != nil {
		panic("BUG: simnet: two hosts are called " + name)
	}
	h := &Host{world: w, name: name, start: start}
	h.wake.Owner = h
	w.hosts = append(w.hosts, h)
	w.byName[name] = h
	h.Start()
	return h
}

// Name is the host's name in this world.
func (h *Host) Name() string { return h.name }

// Machine is what runs on the host, nil while it is stopped.
func (h *Host) Machine() Machine { return h.machine }

// Boot counts the starts of the host.
func (h *Host) Boot() uint32 { return h.boot }

// Running reports whether the host runs.
func (h *Host) Running() bool { return h.machine != nil }

// Start starts a stopped host: a new machine, the same interfaces.
func (h *Host) Start() {
	if h.machine != nil {
		return
	}
	h.boot++
	h.skew = h.clock
	h.machine = h.start(h.now(), h.boot)
	for _, p := range h.ports {
		h.setInterface(p)
	}
	h.Wake()
}

// now is what the machine is told.
func (h *Host) now() time.Time { return h.world.now.Add(h.skew) }

// SetClock makes the host's wall clock run ahead of the world by d, behind it if negative. As on a
// real machine, what runs does not notice: it counts from the next start on (docs/spec/lan.md L4.1).
func (h *Host) SetClock(d time.Duration) { h.clock = d }

// Leap has the running machine be told at once that d has passed, as after a suspend of that length.
func (h *Host) Leap(d time.Duration) {
	h.skew += d
	h.Wake()
}

// Stop ends the host at once, as if the power was cut.
func (h *Host) Stop() {
	h.machine = nil
	h.paused = false
	h.world.wakes.Remove(&h.wake)
	for _, p := range h.ports {
		p.station.quiet()
	}
}

// Pause freezes the host, as a laptop that sleeps: what arrives is lost, and no
// time passes for it until Resume.
func (h *Host) Pause() {
	h.paused = true
	h.world.wakes.Remove(&h.wake)
}

// Resume ends a pause.
func (h *Host) Resume() {
	h.paused = false
	h.Wake()
}

// hears reports whether what arrives is taken.
func (h *Host) hears() bool { return h.machine != nil && !h.paused }

// Wake has the machine processed at this instant.
func (h *Host) Wake() {
	switch {
	case !h.hears():
	case h.busy:
		h.again = true
	default:
		h.world.wakes.Set(&h.wake, h.world.now)
	}
}

// Counters tell what became of all that the host sent.
func (h *Host) Counters() (sum Counters) {
	for _, p := range h.ports {
		sum.Add(p.counters)
	}
	return sum
}

// Received is the number of packets and bytes that reached the host.
func (h *Host) Received() (packets, bytes uint64) { return h.received, h.receivedBytes }

func (h *Host) setInterface(p *port) {
	if h.machine != nil && !p.unplugged {
		h.machine.SetInterface(h.now(), p.iface, p.caps())
		h.setBeyond(p)
		h.Wake()
	}
}

func (h *Host) removeInterface(p *port) {
	if h.machine != nil {
		h.machine.RemoveInterface(h.now(), p.iface)
		h.setBeyond(p)
		h.Wake()
	}
}

func (h *Host) receive(from link.Path, data []byte) {
	h.received++
	h.receivedBytes += uint64(len(data))
	h.machine.Receive(h.now(), from, data)
	h.Wake()
}

// process calls the machine until it has nothing more to do now, and notes when
// it wants to be called again.
func (h *Host) process() {
	h.busy = true
	defer func() { h.busy = false }()
	for range maxRounds {
		h.again = false
		next := h.round()
		if !h.hears() {
			return
		}
		if !h.again && !next.Equal(h.world.now) {
			if next.Before(h.world.now) && !next.IsZero() {
				panic("BUG: simnet: " + h.name + " asks for a time that has passed")
			}
			h.world.wakes.Set(&h.wake, next)
			return
		}
	}
	panic("BUG: simnet: " + h.name + " asks to be called at once for ever")
}

// round calls the machine once, sends what it gave out, and lets the applications look.
func (h *Host) round() (next time.Time) {
	w := h.world
	w.batch.Reset()
	if next = h.machine.Processing(h.now(), w.batch); !next.IsZero() {
		next = next.Add(-h.skew)
	}
	for i := range w.batch.Len() {
		to, data := w.batch.Datagram(i)
		if p := h.portTo(to); p != nil {
			p.sendTo(to, data)
		}
	}
	if h.OnWake != nil {
		h.OnWake(h.now())
	}
	return next
}

// portTo is the port that a path leads out of. Interface 0 means the one whose
// link has the address, or else the first.
func (h *Host) portTo(to link.Path) *port {
	if to.Iface != 0 {
		if int(to.Iface) > len(h.ports) {
			panic("BUG: simnet: " + h.name + " sends on an interface it does not have")
		}
		return h.ports[to.Iface-1]
	}
	far := h.world.byAddr[to.Addr]
	for _, p := range h.ports {
		if far != nil && p.link == far.link {
			return p
		}
	}
	return h.wayOut()
}
