package api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/api"
	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
)

// two is two served nodes that know each other.
func two(t *testing.T) (a, b served) {
	a = serve(t, "alpha")
	b = serve(t, "beta", net.JoinHostPort("127.0.0.1", port(a)))
	for _, s := range []served{a, b} {
		for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			p, err := s.c.Peers(t.Context(), false)
			if err != nil || time.Now().After(end) {
				t.Fatalf("no peers: %v", err)
			}
			if len(p.Peers) == 1 {
				break
			}
		}
	}
	return a, b
}

// exposing offers a service until the test ends, and gives what comes.
func exposing(t *testing.T, s served, o client.Offer) <-chan client.Incoming {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	came, ended := make(chan client.Incoming, 100), make(chan error, 1)
	go func() { ended <- s.c.Expose(ctx, o, func(i client.Incoming) { came <- i }) }()
	t.Cleanup(func() { cancel(); <-ended })
	select {
	case i := <-came:
		if i.Event != "listening" || i.Schema != client.SchemaExpose {
			t.Fatalf("the first line is %+v", i)
		}
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return came
}

func taken(t *testing.T, s served, came <-chan client.Incoming) *client.Tube {
	t.Helper()
	i := <-came
	if i.Event != "open" {
		t.Fatalf("the line is %+v", i)
	}
	tube, err := s.c.Take(t.Context(), i.ID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tube.Close() })
	return tube
}

func dialled(t *testing.T, s served, service string, datagrams bool) *client.Tube {
	t.Helper()
	tube, err := s.c.Dial(t.Context(), "beta", service, datagrams)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tube.Close() })
	return tube
}

func codeOf(err error) int {
	var e *client.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return -1
}

// A tube is binary-clean, each direction ends by itself, and Finish means that the peer has it all.
func TestTubesCarryBytesBothWays(t *testing.T) {
	a, b := two(t)
	came := exposing(t, b, client.Offer{Service: "echo", About: "says it again"})
	data := make([]byte, 5<<20)
	rand.New(rand.NewSource(1)).Read(data)
	here := dialled(t, a, "echo", false)
	there := taken(t, b, came)
	if here.Name != "beta" || there.Name != "alpha" || !hex64.MatchString(there.Peer) {
		t.Errorf("the names are %q and %q", here.Name, there.Name)
	}
	go func() {
		here.Write(data)
		here.CloseWrite()
	}()
	got, err := io.ReadAll(there)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
	there.Write([]byte("answer"))
	there.CloseWrite()
	if got, err := io.ReadAll(here); string(got) != "answer" || err != nil {
		t.Fatalf("answer %q, %v", got, err)
	}
	for _, tube := range []*client.Tube{here, there} {
		if err := tube.Finish(); err != nil {
			t.Errorf("Finish: %v", err)
		}
	}
	list, err := a.c.Services(t.Context(), "beta")
	if err != nil || !contains(list, client.Service{Service: "echo", Protocol: client.ProtocolBytes, About: "says it again"}) {
		t.Errorf("services: %+v, %v", list, err)
	}
}

func contains(list client.Services, want client.Service) bool {
	for _, s := range list.Services {
		if s == want {
			return true
		}
	}
	return false
}

func TestTubesKeepDatagramsWhole(t *testing.T) {
	a, b := two(t)
	came := exposing(t, b, client.Offer{Service: "echo", Datagrams: true})
	here := dialled(t, a, "echo", true)
	there := taken(t, b, came)
	buf := make([]byte, client.MaxFrame)
	for _, size := range []int{0, 1, 1000, 3000, 60000} {
		p := bytes.Repeat([]byte{byte(size)}, size)
		if _, err := here.Write(p); err != nil {
			t.Fatal(err)
		}
		n, err := there.ReadFrame(buf)
		if err != nil || !bytes.Equal(buf[:n], p) {
			t.Fatalf("of %d bytes %d came, %v", size, n, err)
		}
		there.Write(p)
		if n, err = here.ReadFrame(buf); err != nil || n != size {
			t.Fatalf("of %d bytes %d came back, %v", size, n, err)
		}
	}
	there.CloseWrite()
	if _, err := here.ReadFrame(buf); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
}

// Whoever cannot go on says so, and the other end is told; nothing looks like an end that is none.
func TestTubesThatFail(t *testing.T) {
	a, b := two(t)
	came := exposing(t, b, client.Offer{Service: "x"})
	here := dialled(t, a, "x", false)
	taken(t, b, came).Fail(client.Errorf(client.Failed, "nothing listens at 127.0.0.1:1"))
	if _, err := io.ReadAll(here); codeOf(err) != client.Failed || err.Error() != "beta ended it: nothing listens at 127.0.0.1:1" {
		t.Errorf("a failure of the program there: %v", err)
	}
	for range 20 { // what came for the program that fails is on its way to it
		here = dialled(t, a, "x", false)
		here.Write(make([]byte, 1000))
		failing := taken(t, b, came)
		failing.Fail(client.Errorf(client.Failed, "the service does not answer"))
		failing.Close()
		if _, err := io.ReadAll(here); codeOf(err) != client.Failed || err.Error() != "beta ended it: the service does not answer" {
			t.Fatalf("a program that failed and left: %v", err)
		}
	}
	here = dialled(t, a, "x", false)
	there := taken(t, b, came)
	here.Write([]byte("half"))
	here.Close() // in the middle
	if _, err := io.ReadAll(there); codeOf(err) != client.Failed {
		t.Errorf("a program that left: %v", err)
	}
	for ask, want := range map[string]int{"beta nosuch": client.UnknownPeer, "nobody x": client.UnknownPeer, "alpha x": client.Usage} {
		peer, service, _ := bytes.Cut([]byte(ask), []byte(" "))
		if _, err := a.c.Dial(t.Context(), string(peer), string(service), false); codeOf(err) != want {
			t.Errorf("dial %s: %v", ask, err)
		}
	}
	_, err := a.c.Dial(t.Context(), "beta", "x", true)
	var e *client.Error
	if !errors.As(err, &e) || e.Reason != client.ReasonProtocol {
		t.Errorf("another protocol: %v", err)
	}
	if err := b.c.Expose(t.Context(), client.Offer{Service: "x"}, nil); codeOf(err) != client.Failed {
		t.Errorf("a service offered twice: %v", err)
	}
	if _, err := a.c.Take(t.Context(), "nonsense"); codeOf(err) != client.Failed {
		t.Errorf("take what is not there: %v", err)
	}
}

func TestAnOfferIsForThoseNamed(t *testing.T) {
	a, b := two(t)
	came := exposing(t, b, client.Offer{Service: "mine", To: []string{"8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"}})
	here := dialled(t, a, "mine", false)
	if _, err := io.ReadAll(here); codeOf(err) != client.Refused {
		t.Errorf("somebody else: %v", err)
	}
	if i := <-came; i.Event != "denied" || i.Name != "alpha" {
		t.Errorf("the line is %+v", i)
	}
	came = exposing(t, b, client.Offer{Service: "yours", To: []string{"alpha"}})
	here = dialled(t, a, "yours", false)
	taken(t, b, came).Write([]byte("welcome"))
	if _, err := io.ReadFull(here, make([]byte, 7)); err != nil {
		t.Error(err)
	}
	doc, err := a.c.Streams(t.Context(), "beta")
	if err != nil || len(doc.Streams) == 0 || doc.Streams[0].Service != "yours" || doc.Streams[0].Name != "beta" {
		t.Errorf("streams: %+v, %v", doc, err)
	}
}

// What is away for a moment is waited for; who stopped is named as such, and nobody waits for ever.
func TestADialWaitsForAWay(t *testing.T) {
	a := serveAs(t, "alpha", func(s *api.Server) { s.WayWait = time.Hour })
	b := serve(t, "beta")
	came := exposing(t, b, client.Offer{Service: "x"})
	peer := b.host.Self().String()
	type result struct {
		t   *client.Tube
		err error
	}
	dialled := make(chan result, 1)
	go func() {
		tube, err := a.c.Dial(t.Context(), peer, "x", false)
		dialled <- result{tube, err}
	}()
	select {
	case r := <-dialled:
		t.Fatalf("without a way: %v", r.err)
	case <-time.After(100 * time.Millisecond): // two tries and more, or none: it holds for both
	}
	if err := a.host.AddPeer(t.Context(), net.JoinHostPort("127.0.0.1", port(b))); err != nil {
		t.Fatal(err)
	}
	r := <-dialled
	if r.err != nil {
		t.Fatal(r.err)
	}
	r.t.Close()
	taken(t, b, came)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := a.c.Dial(ctx, "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f", "x", false); !errors.Is(err, context.Canceled) {
		t.Errorf("who waits for a way and leaves: %v", err)
	}
}

func TestADialGivesUpWithoutAWay(t *testing.T) {
	a := serveAs(t, "alpha", func(s *api.Server) { s.WayWait = time.Nanosecond })
	b := serve(t, "beta", net.JoinHostPort("127.0.0.1", port(a)))
	if _, err := a.c.Dial(t.Context(), "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f", "x", false); codeOf(err) != client.NoReply ||
		!strings.Contains(err.Error(), "there is no way to 8f40c5ad now. Who is around: caracal peers") {
		t.Errorf("a stranger: %v", err)
	}
	eventually := func(what string, done func() bool) {
		for end := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	state := func(p host.PeerStatus) bool { return p.SID == b.host.Self().String() && p.State == host.Direct }
	eventually("it is never there", func() bool { return slices.ContainsFunc(a.host.Status().Peers, state) })
	b.host.Close()
	eventually("its goodbye is not heard", func() bool {
		return slices.ContainsFunc(a.host.Status().Peers, func(p host.PeerStatus) bool { return p.Left })
	})
	if _, err := a.c.Dial(t.Context(), "beta", "x", false); codeOf(err) != client.NoReply || !strings.Contains(err.Error(), "beta was stopped 0s ago") {
		t.Errorf("one that was stopped: %v", err)
	}
}
