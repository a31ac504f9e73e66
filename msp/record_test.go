package msp

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// spec M5.1: reads stop at marks, however they are cut.
func TestS15ReadsStopAtMarks(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond, loss: 0.05, jitter: 3 * time.Millisecond})
	a, b, _ := w.connect(100)
	random := rand.New(rand.NewPCG(1, 2))
	var sent, got [][]byte
	var rest, part []byte
	open := false
	buf := make([]byte, 7)
	w.until(time.Minute, func() bool {
		for len(sent) < 1000 || open {
			if !open {
				rest = make([]byte, random.IntN(60))
				for i := range rest {
					rest[i] = byte(random.Uint32())
				}
				sent, open = append(sent, rest), true
			}
			n, err := a.WriteRecord(w.now, rest)
			rest = rest[n:]
			if err == ErrWouldBlock {
				break
			}
			must(t, err)
			open = false
		}
		for {
			n, mark, err := b.Read(w.now, buf)
			if err != nil {
				return len(got) == 1000
			}
			part = append(part, buf[:n]...)
			if mark {
				got, part = append(got, part), nil
			}
		}
	})
	for i := range sent {
		if !bytes.Equal(sent[i], got[i]) {
			t.Fatalf("record %d: %x, not %x", i, got[i], sent[i])
		}
	}
}

func TestS16BufferedIsWhatCameLessWhatWasRead(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond, loss: 0.1, jitter: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	random := rand.New(rand.NewPCG(1, 3))
	wrote, read := 0, 0
	for range 1000 {
		switch random.IntN(4) {
		case 0:
			n, _ := a.Write(w.now, make([]byte, random.IntN(3000)))
			wrote += n
		case 1:
			_ = a.EndRecord(w.now)
		case 2:
			n, _, _ := b.Read(w.now, make([]byte, random.IntN(2000)))
			read += n
		default:
			w.pass(time.Duration(random.IntN(10)) * time.Millisecond)
		}
		came := int(b.recv.have) - b.recv.ring.countMarks(b.recv.base, b.recv.have)
		if b.Buffered() != came-int(b.recv.base) {
			t.Fatalf("%d buffered", b.Buffered())
		}
	}
	w.pass(30 * time.Second)
	if b.Buffered() != wrote-read {
		t.Errorf("%d buffered; wrote %d, read %d", b.Buffered(), wrote, read)
	}
}

func TestS17EOFOnlyAfterTheLastByte(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond, loss: 0.2, jitter: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	n, err := a.Write(w.now, make([]byte, 50_000))
	must(t, err)
	must(t, a.CloseWrite(w.now))
	read := 0
	w.until(time.Minute, func() bool {
		for {
			m, _, err := b.Read(w.now, make([]byte, 100))
			read += m
			if err == io.EOF && read != n {
				t.Fatalf("end after %d of %d", read, n)
			}
			if err != nil {
				return err == io.EOF
			}
		}
	})
}

// The deterministic half: short writes, and what was taken arrives.
func TestS18WritesAreCutAtTheSendBuffer(t *testing.T) {
	w := newWorld(t, 1, 1, road{delay: 5 * time.Millisecond})
	w.add([]sid.SID{testSID(2)}, Limits{}, 4)
	w.engines[0].limits.SendBuffer = 64 << 10
	a, b, _ := w.connect(100)
	const total = 10 << 20
	wrote, read, blocked := 0, 0, 0
	w.until(time.Minute, func() bool {
		for wrote < total {
			n, err := a.Write(w.now, zeros[:min(len(zeros), total-wrote)])
			if wrote += n; err == ErrWouldBlock {
				blocked++
				break
			}
			must(t, err)
		}
		if a.send.end-a.send.base > 8*64<<10 {
			t.Fatalf("%d units held", a.send.end-a.send.base)
		}
		read += drain(w.now, b)
		return read == total
	})
	if blocked < 10 {
		t.Errorf("blocked %d times", blocked)
	}
}

// spec M17.2
func TestS19ReadableOncePerChange(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond, loss: 0.1, jitter: 20 * time.Millisecond, double: 0.1})
	a, b, _ := w.connect(100)
	b.Events()
	random := rand.New(rand.NewPCG(1, 4))
	was, changes, events, packets := false, 0, 0, w.engines[1].received
	for w.engines[1].received-packets < 10_000 {
		_, _ = a.Write(w.now, make([]byte, random.IntN(5000)))
		w.step()
		if b.Readable() && !was {
			changes++
		}
		was = b.Readable()
		if what, _ := b.Events(); what&EventReadable != 0 {
			events++
		}
		if random.IntN(3) == 0 { // slow
			drain(w.now, b)
			was = false
		}
	}
	if events != changes || events == 0 {
		t.Errorf("%d events for %d changes", events, changes)
	}
}

func TestS20WritableAfterARefusedWrite(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond})
	a, b, _ := w.connect(100)
	for range 5 {
		for {
			if _, err := a.Write(w.now, make([]byte, 1<<20)); err == ErrWouldBlock {
				break
			}
		}
		a.Events()
		writable := 0
		w.until(time.Minute, func() bool {
			drain(w.now, b)
			if what, _ := a.Events(); what&EventWritable != 0 {
				writable++
			}
			return a.send.next == a.send.end
		})
		if n, err := a.Write(w.now, make([]byte, 1200)); writable != 1 || n != 1200 || err != nil {
			t.Fatalf("%d events; then %d, %v", writable, n, err)
		}
	}
}

func TestS21AckedSumsToWhatWasWritten(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond, loss: 0.2, jitter: 10 * time.Millisecond, double: 0.1})
	a, b, _ := w.connect(100)
	wrote, acked := 0, 0
	for range 200 {
		n, _ := a.Write(w.now, make([]byte, 1000))
		wrote += n
		_ = a.EndRecord(w.now)
		w.pass(time.Millisecond)
		_, n64 := a.Events()
		acked += int(n64)
		drain(w.now, b)
	}
	w.until(time.Minute, func() bool { drain(w.now, b); return a.Acked() })
	_, n64 := a.Events()
	if acked += int(n64); acked != wrote {
		t.Errorf("%d acked of %d", acked, wrote)
	}
}

// records has a stream's whole records read.
func (w *world) records(s *Stream, size int) (got []string, err error) {
	buf := make([]byte, size)
	for {
		n, err := s.ReadRecord(w.now, buf)
		var cut *TruncatedError
		switch {
		case errors.As(err, &cut):
			got = append(got, string(buf[:n])+"…")
		case err != nil:
			return got, err
		default:
			got = append(got, string(buf[:n]))
		}
	}
}

func (w *world) record(s *Stream, p string) {
	w.t.Helper()
	n, err := s.WriteRecord(w.now, []byte(p))
	if n != len(p) || err != nil {
		w.t.Fatal(n, err)
	}
}

func TestS22WriteRecordEndsWhatWasWritten(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond})
	a, b, _ := w.connect(100)
	w.write(a, "one ")
	w.write(a, "two ")
	w.write(a, "three ")
	w.record(a, "four")
	w.pass(time.Second)
	if got, err := w.records(b, 100); len(got) != 1 || got[0] != "one two three four" || err != ErrWouldBlock {
		t.Errorf("%q, %v", got, err)
	}
}

func TestS23EmptyRecordsSurvive(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond})
	a, b, _ := w.connect(100)
	for _, r := range []string{"first", "", "", "", "", "", "last"} {
		w.record(a, r)
	}
	w.pass(time.Second)
	got, err := w.records(b, 100)
	if len(got) != 7 || got[0] != "first" || got[3] != "" || got[6] != "last" || err != ErrWouldBlock {
		t.Errorf("%q, %v", got, err)
	}
}

func TestS24PendingRecords(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond})
	a, b, _ := w.connect(100)
	for _, r := range []string{"12345", "", "1234567", "12"} {
		if r != "12" {
			w.record(a, r)
		} else {
			w.write(a, r) // not ended
		}
	}
	w.pass(time.Second)
	for _, want := range [][2]int{{3, 5}, {2, 0}, {1, 7}, {0, -1}} {
		if n, size := b.PendingRecords(); n != want[0] || size != want[1] {
			t.Errorf("%d, %d; want %v", n, size, want)
		}
		_, _ = b.ReadRecord(w.now, make([]byte, 100))
	}
	must(t, a.CloseWrite(w.now))
	w.pass(time.Second)
	if n, size := b.PendingRecords(); n != 1 || size != 2 {
		t.Errorf("the end: %d, %d", n, size)
	}
}

func TestS25LongRecordsAreCutAndSaySo(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond})
	a, b, _ := w.connect(100)
	w.record(a, string(bytes.Repeat([]byte("x"), 1000)))
	w.record(a, "next")
	w.write(a, "tail")
	must(t, a.CloseWrite(w.now))
	w.pass(time.Second)
	n, err := b.ReadRecord(w.now, make([]byte, 100))
	var cut *TruncatedError
	if !errors.As(err, &cut) || n != 100 || cut.Lost != 900 {
		t.Errorf("%d, %v", n, err)
	}
	if got, err := w.records(b, 100); len(got) != 2 || got[0] != "next" || got[1] != "tail" || err != io.EOF {
		t.Errorf("%q, %v", got, err)
	}
}

// spec M5.4
func TestS26HugeRecordsNeitherHangNorFail(t *testing.T) {
	const size = 5 << 20
	for _, most := range []int{0, 1 << 20} {
		w := newWorld(t, 1, 1, road{delay: 5 * time.Millisecond, loss: 0.01})
		w.add([]sid.SID{testSID(2)}, Limits{MaxRecord: most}, 4)
		a, parent := w.tree()
		parent.SetChildRecvBuffer(64 << 10)
		w.pass(time.Second)
		a, b := w.sub(a, parent)
		buf, wrote, events := make([]byte, size), 0, 0
		var n int
		var err error
		w.until(2*time.Minute, func() bool {
			if wrote < size {
				m, err := a.WriteRecord(w.now, buf[wrote:])
				wrote += m
				if err != nil && err != ErrWouldBlock {
					wrote = size
				}
			} else if wrote == size && a.Err() == nil {
				if a.EndRecord(w.now) == nil {
					wrote++
				}
			}
			if what, _ := b.Events(); what&EventRecord != 0 {
				events++
			}
			n, err = b.ReadRecord(w.now, buf)
			return err != ErrWouldBlock
		})
		if most == 0 && (n != size || err != nil || events != 1) {
			t.Errorf("%d, %v, %d events", n, err, events)
		}
		w.pass(time.Second)
		var reset *ResetError
		if most > 0 && (err != ErrTooLarge || !errors.As(a.Err(), &reset) || reset.Code != codeTooLarge) {
			t.Errorf("%d, %v; sender %v", n, err, a.Err())
		}
	}
}
