//go:build unix

package host

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// floodOrder names the variable that makes this binary the flooder.
const floodOrder = "FLOOD_ORDER"

// A flooder is another process that sends forged handshakes.
type flooder struct {
	t   *testing.T
	in  *os.File
	out *bufio.Scanner
}

func startFlooder(t *testing.T, to sid.SID, bad string, rate int) *flooder {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestFlooder$")
	cmd.Env = append(os.Environ(), floodOrder+fmt.Sprintf("=%s %s %d", to, bad, rate), "GOMAXPROCS=1")
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = ours
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		theirs.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return &flooder{t: t, in: theirs, out: bufio.NewScanner(out)}
}

func (f *flooder) aim(to string) { fmt.Fprintln(f.in, to) }

// sent is how many were sent so far.
func (f *flooder) sent() (n int64) {
	fmt.Fprintln(f.in, "?")
	if !f.out.Scan() {
		f.t.Fatal("the flooder is gone")
	}
	fmt.Sscan(f.out.Text(), &n)
	return n
}

// TestFlooder is the other process: it reads where to send to, "-" for nowhere and "?" to be told
// how many it sent.
func TestFlooder(t *testing.T) {
	var to, bad string
	var rate int
	if n, _ := fmt.Sscan(os.Getenv(floodOrder), &to, &bad, &rate); n != 3 {
		t.Skip("the other process of TestFloodOnTheLoopback")
	}
	id, err := sid.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	var sent atomic.Int64
	var aim atomic.Pointer[net.UDPAddr]
	go flood(id, bad, rate, &aim, &sent)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		switch line := strings.TrimSpace(in.Text()); line {
		case "?":
			fmt.Println(sent.Load())
		case "-":
			aim.Store(nil)
		default:
			addr, err := net.ResolveUDPAddr("udp4", line)
			if err != nil {
				t.Fatal(err)
			}
			aim.Store(addr)
		}
	}
	os.Exit(0)
}

// flood sends junk behind a mac1 that is right or not.
func flood(id sid.SID, bad string, rate int, aim *atomic.Pointer[net.UDPAddr], sent *atomic.Int64) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		panic(err)
	}
	key := blake2s.Sum256(append(append([]byte("caracal/1 mac1\x00"), id[:]...), make([]byte, 16)...))
	h, err := blake2s.New128(key[:])
	if err != nil {
		panic(err)
	}
	msg := forged(h, bad, 0)
	p := pace{every: time.Second / time.Duration(max(rate, 1)), free: rate == 0}
	for n := uint64(0); ; n++ {
		to := aim.Load()
		if to == nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		if n%16 == 0 {
			msg = forged(h, bad, n)
			p.wait(16)
		}
		conn.WriteToUDP(msg, to)
		sent.Add(1)
	}
}

// A pace is an even rate, which does not catch up after it was held up.
type pace struct {
	every time.Duration
	free  bool
	next  time.Time
}

// wait waits until n more are due.
func (p *pace) wait(n int) {
	if p.free {
		return
	}
	now := time.Now()
	if p.next.Before(now.Add(-2 * time.Millisecond)) {
		p.next = now
	}
	time.Sleep(p.next.Sub(now))
	p.next = p.next.Add(time.Duration(n) * p.every)
}

// forged is the nth handshake 1 that somebody without any key can make.
func forged(mac1 hash.Hash, bad string, n uint64) []byte {
	msg := wire.AppendHandshakeHead(nil, wire.TypeHandshake1, 1)
	msg = append(msg, make([]byte, wire.Handshake1Size-len(msg))...)
	binary.BigEndian.PutUint64(msg[8:], n|1<<60)
	covered, mac, _ := wire.HandshakeMACs(msg)
	mac1.Reset()
	mac1.Write(covered)
	mac1.Sum(mac[:0])
	if bad == "mac1" {
		mac[0]++
	}
	return msg
}
