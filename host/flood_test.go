package host

import (
	"context"
	"encoding/binary"
	"flag"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/wire"
)

var long = flag.Bool("long", false, "run the long tests")

// What a stream carries on the loopback while one core sends forged handshakes to its receiver, and
// how many of them that were. The rate depends on the machine and on what else it does: it is reported.
// On a machine with a core for each of flood, sender and receiver the stream should keep nine tenths.
func TestFloodOnTheLoopback(t *testing.T) { // spec S6, threat 8
	if !*long {
		t.Skip("with -long: it takes all cores for some seconds")
	}
	a, b := pair(t)
	l, err := b.ListenPort(7000)
	if err != nil {
		t.Fatal(err)
	}
	var received atomic.Int64
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		buf := make([]byte, 1<<16)
		for {
			n, err := c.Read(buf)
			if received.Add(int64(n)); err != nil {
				return
			}
		}
	}()
	c, err := a.DialPort(context.Background(), b.Self(), 7000)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go io.Copy(c, zeros{})
	measure := func(d time.Duration) float64 {
		from, start := received.Load(), time.Now()
		time.Sleep(d)
		return float64(received.Load()-from) / time.Since(start).Seconds() / 1e6
	}
	measure(2 * time.Second)
	calm := measure(3 * time.Second)
	stop, sent := make(chan bool), new(atomic.Int64)
	go forge(t, b, stop, sent)
	measure(time.Second)
	n, at := sent.Load(), time.Now()
	flooded := measure(5 * time.Second)
	rate := float64(sent.Load()-n) / time.Since(at).Seconds()
	close(stop)
	t.Logf("%.0f MB/s calm, %.0f MB/s (%.0f %%) under %.0f forged handshakes/s", calm, flooded, 100*flooded/calm, rate)
	if flooded == 0 {
		t.Error("the stream stands still")
	}
}

// zeros is an endless source.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// forge sends junk with a right mac1 as fast as it can.
func forge(t *testing.T, to *Host, stop chan bool, sent *atomic.Int64) {
	conn, err := net.Dial("udp4", address(to))
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	id := to.Self()
	key := blake2s.Sum256(append(append([]byte("caracal/1 mac1\x00"), id[:]...), make([]byte, 16)...))
	msg := wire.AppendHandshakeHead(nil, wire.TypeHandshake1, 1)
	msg = append(msg, make([]byte, wire.Handshake1Size-len(msg))...)
	covered, mac1, _ := wire.HandshakeMACs(msg)
	h, err := blake2s.New128(key[:])
	if err != nil {
		t.Error(err)
		return
	}
	for n := uint64(0); ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		binary.BigEndian.PutUint64(msg[8:], n|1<<60)
		h.Reset()
		h.Write(covered[:len(covered)-wire.MACSize])
		h.Sum(mac1[:0])
		_, _ = conn.Write(msg)
		sent.Add(1)
	}
}
