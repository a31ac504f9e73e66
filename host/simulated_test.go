package host_test

import (
	"bytes"
	"context"
	"io"
	"math/rand"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/simnet"
)

// A simulated world in which goroutines use blocking connections: virtual time passes
// as fast as the machine allows while they wait.
type liveWorld struct {
	mu    sync.Mutex
	world *simnet.World
}

// A seat is one host of the world as a Doer.
type seat struct {
	live *liveWorld
	host *simnet.Host
}

func (s seat) Do(f func(now time.Time, n *node.Node)) {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	s.host.Do(f)
}

// net gives the host's node its blocking form.
func (l *liveWorld) net(h *simnet.Host) *host.Net {
	x := host.NewNet(seat{l, h})
	h.OnWake = func(time.Time) { x.Wake(h.Node()) }
	return x
}

// pass lets time pass until the test ends.
func (l *liveWorld) pass(t *testing.T) {
	var done sync.WaitGroup
	stop := make(chan struct{})
	done.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				l.mu.Lock()
				l.world.Run(time.Millisecond)
				l.mu.Unlock()
				time.Sleep(10 * time.Microsecond) // let the goroutines have the lock
			}
		}
	})
	t.Cleanup(func() { close(stop); done.Wait() })
}

// features M16: an unmodified net/http client and server exchange 1 MB over three hops.
func TestM16HTTPOverThreeHops(t *testing.T) {
	w := simnet.New(16)
	hosts := w.AddNodes("n", 4)
	w.Line(simnet.LinkConfig{Latency: 5 * time.Millisecond, Loss: 0.02, Rate: 100e6}, hosts...)
	client, server := hosts[0], hosts[3]
	live := &liveWorld{world: w}
	if !w.RunUntil(func() bool { _, err := client.Node().Mesh().NextHop(server.SID()); return err == nil }, 30*time.Second) {
		t.Fatal("no route over three hops")
	}
	body := make([]byte, 1<<20)
	rand.New(rand.NewSource(1)).Read(body)
	at, from := server.SID(), live.net(client)
	l, err := live.net(server).ListenService("http")
	if err != nil {
		t.Fatal(err)
	}
	live.pass(t)

	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(w, r.Body); err != nil { // an echo: 1 MB each way
			t.Error(err)
		}
	})}
	go srv.Serve(l)
	defer srv.Close()
	c := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return from.DialService(ctx, at, "http") },
	}}
	defer c.CloseIdleConnections()
	resp, err := c.Post("http://anything/", "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(got, body) {
		t.Fatalf("got %d bytes back, err %v; want the %d sent", len(got), err, len(body))
	}
}
