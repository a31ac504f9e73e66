package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A lane is one direction of an impaired path: a link of some rate with a queue before it, a delay, and losses.
//
//	arrives ─▶ queue, bounded ─▶ link: rate ─▶ lost? ─▶ delay ─▶ leaves
type lane struct {
	rate  float64 // bytes a second
	delay time.Duration
	bound time.Duration // how long the last of a full queue waits
	loss  float64
	dice  *rand.Rand
	free  time.Time // when the link will have sent all that waits
	out   chan passing
}

// A passing packet leaves at a time.
type passing struct {
	at     time.Time
	packet []byte
}

// lanePackets is more than any of the paths measured holds.
const lanePackets = 1 << 16

func newLane(c config, seed uint64) *lane {
	rate := c.rate * 1e6 / 8
	return &lane{
		rate: rate, delay: c.rtt / 2, loss: c.loss / 100,
		bound: time.Duration(float64(c.queue) * 1e3 / rate * 1e9),
		dice:  rand.New(rand.NewPCG(seed, 0)), out: make(chan passing, lanePackets),
	}
}

// take puts a packet on its way, or drops it.
func (l *lane) take(now time.Time, packet []byte) {
	if l.free.Before(now) {
		l.free = now
	}
	if l.free.Sub(now) > l.bound {
		return
	}
	l.free = l.free.Add(time.Duration(float64(len(packet)) / l.rate * 1e9))
	if l.dice.Float64() < l.loss {
		return
	}
	select {
	case l.out <- passing{l.free.Add(l.delay), append([]byte(nil), packet...)}:
	default:
	}
}

// deliver gives the packets to whom they leave when it is time.
func (l *lane) deliver(to *os.File) {
	for p := range l.out {
		if wait := time.Until(p.at); wait > 0 {
			time.Sleep(wait)
		}
		_, _ = to.Write(p.packet) // what the system refuses is lost
	}
}

// impair is the router in user space of paths.sh, until it is told to end: what is routed to imp0 comes back through it.
func impair(c config) error {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("/dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq("imp0")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return fmt.Errorf("TUNSETIFF: %w", err)
	}
	tun := os.NewFile(uintptr(fd), "tun")
	there, back := newLane(c, 1), newLane(c, 2)
	go there.deliver(tun)
	go back.deliver(tun)
	fmt.Println("ready")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	go func() { <-stop; os.Exit(0) }()
	buf := make([]byte, 1<<16)
	for {
		n, err := tun.Read(buf)
		if err != nil {
			return err
		}
		if n < 20 || buf[0]>>4 != 4 {
			continue
		}
		l := there
		if buf[16] == 10 && buf[17] == 91 && buf[18] == 1 { // to the network of the client
			l = back
		}
		l.take(time.Now(), buf[:n])
	}
}
