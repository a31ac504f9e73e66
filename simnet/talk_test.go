package simnet

import (
	"bytes"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A talk is a stream from one host to another, both ends in the hand of the test.
type talk struct {
	t        testing.TB
	a, b     *Host
	from, to *msp.Stream
	events   []msp.Event // of the end that dialled
}

const talkPort = 98

// newTalk dials; the other end is there when something has come.
func newTalk(t testing.TB, a, b *Host) *talk {
	t.Helper()
	k := &talk{t: t, a: a, b: b}
	var l *msp.Listener
	b.Do(func(_ time.Time, n *node.Node) {
		var err error
		if l, err = n.MSP().Listen(sid.None, msp.Target{Port: talkPort}); err != nil {
			t.Fatal(err)
		}
	})
	b.OnWake = func(time.Time) {
		if k.to == nil {
			k.to = l.Accept()
		}
	}
	a.OnWake = func(time.Time) {
		if k.from != nil {
			if what, _ := k.from.Events(); what != 0 {
				k.events = append(k.events, what)
			}
		}
	}
	a.Do(func(now time.Time, n *node.Node) {
		var err error
		if k.from, err = n.MSP().Dial(now, sid.None, b.SID(), msp.Target{Port: talkPort}); err != nil {
			t.Fatal(err)
		}
	})
	return k
}

// say writes a record.
func (k *talk) say(record []byte) {
	k.a.Do(func(now time.Time, _ *node.Node) {
		if _, err := k.from.WriteRecord(now, record); err != nil {
			k.t.Fatal(err)
		}
	})
}

// read takes all there is at the other end, and returns the records.
func (k *talk) read() (records [][]byte) {
	if k.to == nil {
		return nil
	}
	buf := make([]byte, 128<<10)
	k.b.Do(func(now time.Time, _ *node.Node) {
		for {
			n, err := k.to.ReadRecord(now, buf)
			if err != nil {
				return
			}
			records = append(records, bytes.Clone(buf[:n]))
		}
	})
	return records
}
