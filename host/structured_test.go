package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/sid"
)

var all = msp.ListenMode{Subs: msp.NoLimit, Inherit: true}

// structured is the two ends of a structured stream that takes all that is opened beneath it.
func structured(t *testing.T) (here, there *Conn) {
	t.Helper()
	a, b := pair(t)
	l, err := b.Listen(msp.Target{Service: "test", Protocol: "v1"}, msp.About{Service: "for tests"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	l.Subs(all)
	ctx := soon(t)
	here, err = a.Dial(ctx, b.Self(), msp.Target{Service: "test", Protocol: "v1"}, Subs(all))
	if err != nil {
		t.Fatal(err)
	}
	if there, err = l.AcceptContext(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close(); there.Close() })
	for _, c := range []*Conn{here, there} {
		c.SetDeadline(time.Now().Add(time.Minute))
	}
	return here, there
}

// soon is a context that keeps a broken test from waiting forever.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// features S11: what is refused says why.
func TestDialWaitsForTheAnswer(t *testing.T) {
	a, b := pair(t)
	l, err := b.Listen(msp.Target{Service: "web", Protocol: "http"}, msp.About{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx := soon(t)
	for to, want := range map[msp.Target]error{
		{Service: "web", Protocol: "gopher"}: msp.ErrNoProtocol,
		{Service: "mail", Protocol: "smtp"}:  msp.ErrNoService,
		{Port: 77}:                           msp.ErrRefused,
	} {
		if _, err := a.Dial(ctx, b.Self(), to); !errors.Is(err, want) {
			t.Errorf("dial %+v: %v, want %v", to, err, want)
		}
	}
	c, err := a.Dial(ctx, b.Self(), msp.Target{Service: "web", Protocol: "http"})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := a.Dial(ended, b.Self(), msp.Target{Port: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("dial with a context that has ended: %v", err)
	}
	if _, err := l.AcceptContext(ctx); err != nil {
		t.Error(err)
	}
	if _, err := l.AcceptContext(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("accept with a context that has ended: %v", err)
	}
}

// features S06: a lazy stream can be written while there is no way to the peer, and is delivered when there is.
func TestALazyDialNeedsNoRoute(t *testing.T) {
	b := start(t, "b")
	l, err := b.Listen(msp.Target{Port: 9}, msp.About{})
	if err != nil {
		t.Fatal(err)
	}
	a := start(t, "a")
	ctx := soon(t)
	c, err := a.Dial(ctx, b.Self(), msp.Target{Port: 9}, Lazy())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WriteRecord([]byte("early")); err != nil {
		t.Fatal(err)
	}
	if err := a.AddPeer(ctx, address(b)); err != nil {
		t.Fatal(err)
	}
	d, err := l.AcceptContext(ctx)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	if n, err := d.ReadRecord(buf); string(buf[:n]) != "early" || err != nil {
		t.Errorf("got %q, %v", buf[:n], err)
	}
}

func TestRecordsStayWhole(t *testing.T) {
	here, there := structured(t)
	records := [][]byte{[]byte("one"), {}, bytes.Repeat([]byte("x"), 3<<20), []byte("last")}
	go func() {
		for _, r := range records {
			if err := here.WriteRecord(r); err != nil {
				t.Error(err)
			}
		}
		here.CloseWrite()
	}()
	buf := make([]byte, 2<<20)
	for i, want := range records {
		n, err := there.ReadRecord(buf)
		var cut *msp.TruncatedError
		if i == 2 && (!errors.As(err, &cut) || cut.Lost != 1<<20) {
			t.Fatalf("a record larger than the buffer: %v, want 1 MiB lost", err)
		} else if i != 2 && (err != nil || !bytes.Equal(buf[:n], want)) {
			t.Fatalf("record %d: %d bytes, %v", i, n, err)
		}
	}
	if _, err := there.ReadRecord(buf); err != io.EOF {
		t.Errorf("after the last record: %v, want EOF", err)
	}
	there.WriteRecord([]byte("ab"))
	if n, mark, err := here.ReadMark(buf[:1]); n != 1 || mark || err != nil {
		t.Errorf("ReadMark: %d %v %v", n, mark, err)
	}
	if n, mark, err := here.ReadMark(buf); n != 1 || !mark || err != nil {
		t.Errorf("ReadMark at the end of the record: %d %v %v", n, mark, err)
	}
}

func TestRequestsOverSubstreams(t *testing.T) {
	here, there := structured(t)
	ctx := soon(t)
	go func() {
		for {
			s, err := there.AcceptSub(ctx)
			if err != nil {
				return
			}
			go func() { // answers in capitals
				q, _ := io.ReadAll(s)
				s.Write(bytes.ToUpper(q))
				s.Close()
			}()
		}
	}()
	for i := range 20 {
		s, err := here.OpenSub()
		if err != nil {
			t.Fatal(err)
		}
		if s.Parent() != here {
			t.Error("the parent is not the stream it was opened beneath")
		}
		s.SetPriority(int32(i))
		fmt.Fprintf(s, "request %d", i)
		s.CloseWrite()
		a, err := io.ReadAll(s)
		if want := fmt.Sprintf("REQUEST %d", i); string(a) != want || err != nil {
			t.Fatalf("got %q, %v; want %q", a, err, want)
		}
		s.Close()
	}
	here.Close()
}

func TestDatagramsBeneathAStream(t *testing.T) {
	here, there := structured(t)
	ctx := soon(t)
	big := bytes.Repeat([]byte("b"), 200_000)
	for _, p := range [][]byte{[]byte("small"), big} {
		if err := here.SendDatagram(ctx, p, true); err != nil {
			t.Fatal(err)
		}
	}
	var sizes []int
	buf := make([]byte, 1<<20)
	for range 2 {
		n, err := there.RecvDatagram(ctx, buf)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	if !slices.Equal(sizes, []int{5, len(big)}) {
		t.Errorf("datagrams of %v bytes", sizes)
	}
	if most := here.MaxUnreliable(); most < 500 {
		t.Errorf("MaxUnreliable is %d", most)
	}
	there.SendDatagram(ctx, []byte("voice"), false)
	if n, err := here.RecvDatagram(ctx, buf[:3]); n != 3 || !errors.As(err, new(*msp.TruncatedError)) {
		t.Errorf("a datagram larger than the buffer: %d, %v", n, err)
	}
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if _, err := here.RecvDatagram(short, buf); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nothing came: %v", err)
	}
	there.Close()
	here.Close()
	if _, err := here.RecvDatagram(ctx, buf); err == nil {
		t.Error("a datagram of a closed stream")
	}
}

func TestEventsAreKeptUntilAskedFor(t *testing.T) {
	here, there := structured(t)
	ctx := soon(t)
	var seen msp.Event
	var acked uint64
	here.Write(make([]byte, 1000))
	if err := here.Flush(); err != nil {
		t.Fatal(err)
	}
	there.WriteRecord([]byte("x"))
	for acked < 1000 || seen&msp.EventRecord == 0 {
		what, n, err := here.Events(ctx)
		if err != nil {
			t.Fatal(err)
		}
		seen, acked = seen|what, acked+n
	}
	if want := msp.EventAcked | msp.EventReadable | msp.EventRecord; seen&want != want {
		t.Errorf("saw %b, want %b", seen, want)
	}
	there.Reset(42, "enough")
	for {
		_, _, err := here.Events(ctx)
		if err == nil {
			continue
		}
		var reset *msp.ResetError
		if !errors.As(err, &reset) || reset.Code != 42 || reset.Reason != "enough" || !reset.Remote {
			t.Errorf("the end is %v", err)
		}
		break
	}
}

func TestAbandonGivesBackWhatCanBeSentAgain(t *testing.T) {
	a, b := pair(t)
	l, err := b.Listen(msp.Target{Port: 9}, msp.About{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := soon(t)
	c, err := a.Dial(ctx, sid.FromSeed([32]byte{9}).SID(), msp.Target{Port: 9}, Lazy()) // is not there
	if err != nil {
		t.Fatal(err)
	}
	c.WriteRecord([]byte("keep"))
	c.Write([]byte("me"))
	u := c.Abandon()
	d, err := a.Dial(ctx, b.Self(), msp.Target{Port: 9})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Replay(u); err != nil {
		t.Fatal(err)
	}
	d.CloseWrite()
	e, err := l.AcceptContext(ctx)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	n, _ := e.ReadRecord(buf)
	rest, err := io.ReadAll(e)
	if got := string(buf[:n]) + "|" + string(rest); got != "keep|me" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCopyGoesThroughReadFromAndWriteTo(t *testing.T) {
	here, there := structured(t)
	text := strings.Repeat("0123456789", 100_000)
	go func() {
		if n, err := io.Copy(here, strings.NewReader(text)); n != int64(len(text)) || err != nil {
			t.Errorf("sent %d, %v", n, err)
		}
		here.CloseWrite()
	}()
	var got strings.Builder
	if _, err := io.Copy(&got, there); err != nil || got.String() != text {
		t.Errorf("got %d bytes, %v", got.Len(), err)
	}
	if err := there.CloseRead(); err != nil {
		t.Error(err)
	}
	if _, err := there.Read(make([]byte, 1)); err == nil {
		t.Error("read after CloseRead")
	}
	st, path := here.Stats()
	if st.Written != uint64(len(text)) || st.Target.Service != "test" || path.PacketsOut == 0 {
		t.Errorf("stats: %+v %+v", st, path)
	}
}

// features S14.
func TestServicesOfAPeer(t *testing.T) {
	a, b := pair(t)
	for _, s := range []struct {
		to    msp.Target
		about msp.About
	}{
		{msp.Target{Service: "web", Protocol: "http"}, msp.About{Service: "pictures"}},
		{msp.Target{Service: "mail", Protocol: "smtp"}, msp.About{}},
		{msp.Target{Service: "secret", Protocol: "x"}, msp.About{Hidden: true}},
	} {
		if _, err := b.Listen(s.to, s.about); err != nil {
			t.Fatal(err)
		}
	}
	list, err := a.Services(soon(t), b.Self())
	if err != nil || len(list) != 2 || list[0].Service != "mail" || list[1].Service != "web" || list[1].About.Service != "pictures" {
		t.Errorf("services: %+v, %v", list, err)
	}
	if _, err := b.Listen(msp.Target{Service: "web", Protocol: "http"}, msp.About{}); !errors.Is(err, msp.ErrServiceInUse) {
		t.Errorf("a second listener: %v, want ErrServiceInUse", err)
	}
	if n := len(b.Streams(a.Self())); n > 1 {
		t.Errorf("%d streams are left", n)
	}
}
