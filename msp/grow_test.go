package msp

import (
	"testing"
	"time"
)

// spec M5.4: a record larger than the window comes whole when its reader asks once, though he asks only after the
// window has been used up; and what is asked for so grows by itself until it is there.
func TestARecordAskedForLateGrowsByItself(t *testing.T) {
	const size = 3 << 20
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond})
	a, b, _ := w.connect(100)
	record := pattern(size, 3)
	wrote := 0
	write := func() {
		for wrote < size {
			n, err := a.Write(w.now, record[wrote:])
			if wrote += n; err != nil {
				return
			}
			if wrote == size {
				must(t, a.EndRecord(w.now))
			}
		}
	}
	stuck := w.now.Add(5 * time.Second)
	w.until(time.Minute, func() bool {
		write()
		return w.now.After(stuck) || len(w.flying) == 0 && w.now.Sub(epoch) > time.Second
	})
	if held := b.recv.highest - b.recv.base; held != initialStreamWindow {
		t.Fatalf("%d held before anybody asks", held)
	}
	buf := make([]byte, size)
	if _, err := b.ReadRecord(w.now, buf); err != ErrWouldBlock {
		t.Fatalf("there is no record yet: %v", err)
	}
	b.Events()
	w.until(time.Minute, func() bool {
		write()
		what, _ := b.Events()
		return what&EventRecord != 0
	})
	if n, err := b.ReadRecord(w.now, buf); n != size || err != nil || string(buf) != string(record) {
		t.Errorf("%d of %d bytes, %v", n, size, err)
	}
}

// Who asked for a record and then reads bytes is granted no more than who never asked.
func TestReadingBytesEndsTheGrowth(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond})
	a, b, _ := w.connect(100)
	_, _ = b.ReadRecord(w.now, nil)
	_, _, _ = b.Read(w.now, zeros[:1])
	end := w.now.Add(2 * time.Second)
	w.until(time.Minute, func() bool {
		for err := error(nil); err == nil; {
			_, err = a.Write(w.now, zeros[:])
		}
		return w.now.After(end)
	})
	if held := b.recv.highest - b.recv.base; held > initialStreamWindow {
		t.Errorf("%d held though nobody waits for a record", held)
	}
}
