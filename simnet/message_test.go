package simnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A correspondent sends numbered messages on a stream, one record each, and
// takes those of the other end, which must come once each and in order.
type correspondent struct {
	t        *testing.T
	host     *Host
	listener *msp.Listener
	stream   *msp.Stream
	toSend   int
	sent     int
	rest     []byte // of the message being written
	partial  []byte // of the record being read
	received int
}

// message is the n-th message: its number, then 16 to 315 bytes that follow from it.
func message(n int) []byte {
	m := binary.BigEndian.AppendUint32(nil, uint32(n))
	body := make([]byte, 16+n*7919%300)
	pattern(body, uint32(n), 0)
	return append(m, body...)
}

func (c *correspondent) wake(now time.Time) {
	if c.stream == nil && c.listener != nil {
		c.stream = c.listener.Accept()
	}
	if c.stream != nil && (c.read(now) || c.write(now)) {
		c.host.Wake()
	}
}

func (c *correspondent) write(now time.Time) (did bool) {
	for c.sent < c.toSend {
		if c.rest == nil {
			c.rest = message(c.sent)
		}
		n, err := c.stream.Write(now, c.rest)
		c.rest = c.rest[n:]
		did = did || n > 0
		if err == nil {
			err = c.stream.EndRecord(now)
		}
		if errors.Is(err, msp.ErrWouldBlock) {
			return did
		}
		if err != nil {
			c.t.Fatalf("%s, message %d: %v", c.host.name, c.sent, err)
		}
		c.sent, c.rest = c.sent+1, nil
	}
	return did
}

func (c *correspondent) read(now time.Time) (did bool) {
	var buf [512]byte
	for {
		n, mark, err := c.stream.Read(now, buf[:])
		if errors.Is(err, msp.ErrWouldBlock) {
			return did
		}
		if err != nil {
			c.t.Fatalf("%s, after %d messages: %v", c.host.name, c.received, err)
		}
		did = true
		c.partial = append(c.partial, buf[:n]...)
		if mark {
			if !bytes.Equal(c.partial, message(c.received)) {
				c.t.Fatalf("%s got %.20x…, want message %d", c.host.name, c.partial, c.received)
			}
			c.received++
			c.partial = c.partial[:0]
		}
	}
}

// TestThreeHopMessages: 10,000 messages each way over three hops, each of which
// loses a tenth and doubles and reorders others, arrive once each and in order.
func TestThreeHopMessages(t *testing.T) {
	messages := 10_000
	if testing.Short() {
		messages = 500
	}
	w := New(3)
	hosts := w.AddNodes("n", 4)
	w.Line(LinkConfig{
		Latency: 5 * time.Millisecond, Jitter: 2 * time.Millisecond,
		Loss: 0.1, Duplicate: 0.05, Reorder: 0.1, ReorderDelay: 8 * time.Millisecond,
	}, hosts...)
	left := &correspondent{t: t, host: hosts[0], toSend: messages}
	right := &correspondent{t: t, host: hosts[3], toSend: messages}
	left.host.OnWake, right.host.OnWake = left.wake, right.wake
	if !w.RunUntilRoutesComplete(30 * time.Second) {
		t.Fatal("no routes")
	}
	start := w.Elapsed()
	right.host.Do(func(now time.Time, n *node.Node) {
		var err error
		if right.listener, err = n.MSP().Listen(sid.None, msp.Target{Service: "letters"}); err != nil {
			t.Fatal(err)
		}
	})
	left.host.Do(func(now time.Time, n *node.Node) {
		var err error
		if left.stream, err = n.MSP().Dial(now, sid.None, right.host.SID(), msp.Target{Service: "letters"}); err != nil {
			t.Fatal(err)
		}
	})
	done := func() bool { return left.received == messages && right.received == messages }
	if !w.RunUntil(done, 10*time.Minute) {
		t.Fatalf("after %v %d and %d of %d messages arrived", w.Elapsed(), left.received, right.received, messages)
	}
	t.Logf("%d messages each way in %v of virtual time, %d packet events", messages, w.Elapsed()-start, w.Events())
}
