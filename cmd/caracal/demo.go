package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/share"
)

// demoSize is the size of the file that the demonstration sends, in bytes.
const demoSize = 20 << 20

func (c *command) demo() *cobra.Command {
	return &cobra.Command{
		Use: "demo", Short: "Three nodes in a row on this machine, a file from one end to the other", Args: exactly(0), Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := os.MkdirTemp("", "caracal-demo-")
			if err != nil {
				return fail(client.Failed, "cannot make a folder: %v", plain(err))
			}
			defer os.RemoveAll(dir)
			d := demonstration{c: c, dir: dir}
			defer d.close()
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
			defer cancel()
			return d.run(ctx)
		},
	}
}

// A demonstration is three nodes A – R – B with real sockets on loopback.
type demonstration struct {
	c     *command
	dir   string
	nodes []*daemon
}

func (d *demonstration) run(ctx context.Context) error {
	r, err := d.start(ctx, "R")
	if err != nil {
		return err
	}
	at := fmt.Sprintf("127.0.0.1:%d", r.host.Port())
	a, err := d.start(ctx, "A", at)
	if err != nil {
		return err
	}
	b, err := d.start(ctx, "B", at)
	if err != nil {
		return err
	}
	d.c.printf("Three nodes with sockets on 127.0.0.1: A and B know only the address of R.\n")
	if err := d.meet(ctx, a, b); err != nil {
		return err
	}
	d.c.printf("Sending 20 MB from A to B, sealed end to end, carried by R:\n")
	return d.sendFile(ctx, a, b)
}

// start starts one node that knows the given addresses.
func (d *demonstration) start(ctx context.Context, name string, peers ...string) (*daemon, error) {
	home := filepath.Join(d.dir, name)
	n, err := startDaemon(ctx, host.Config{
		Home: home, Name: name, Listen: "127.0.0.1:0", Peers: peers, NoDiscovery: true,
		Log: slog.New(slog.DiscardHandler),
	}, filepath.Join(home, "files"), share.All, nil)
	if err == nil {
		d.nodes = append(d.nodes, n)
		d.c.printf("  %s  %s  udp %d\n", name, n.host.Self().Short(), n.host.Port())
	}
	return n, err
}

func (d *demonstration) close() {
	for _, n := range d.nodes {
		n.cancel()
	}
	for _, n := range d.nodes {
		n.wait()
	}
}

// meet waits until A finds a way to B, and shows it.
func (d *demonstration) meet(ctx context.Context, a, b *daemon) error {
	begun := time.Now()
	for {
		try, cancel := context.WithTimeout(ctx, time.Second)
		reply, err := a.host.Ping(try, b.host.Self())
		cancel()
		if err == nil && reply.Hops > 1 {
			after := time.Since(begun)
			if again, err := a.host.Ping(ctx, b.host.Self()); err == nil { // the first one may have come before B knew the way back
				reply = again
			}
			d.c.printf("A found B after %.1f s: %s, round trip %.1f ms.\n", after.Seconds(), hops(reply.Hops), float64(reply.RTT.Microseconds())/1000)
			break
		}
		select {
		case <-ctx.Done():
			return fail(client.NoReply, "A does not find B: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	way, err := a.host.Trace(ctx, b.host.Self())
	if err != nil {
		return fail(client.NoReply, "the way from A to B cannot be traced: %v", err)
	}
	d.c.printf("The way: A")
	for _, h := range way {
		d.c.printf(" → %s", d.nameOf(h.SID.String()))
	}
	d.c.printf("\n")
	return nil
}

func (d *demonstration) nameOf(s string) string {
	for i, name := range []string{"R", "A", "B"} {
		if d.nodes[i].host.Self().String() == s {
			return name
		}
	}
	return short(s)
}

// sendFile sends a file of random bytes and compares what arrived.
func (d *demonstration) sendFile(ctx context.Context, a, b *daemon) error {
	path := filepath.Join(d.dir, "film.bin")
	data := make([]byte, demoSize)
	rand.NewChaCha8([32]byte{1}).Read(data)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fail(client.Failed, "cannot write: %v", plain(err))
	}
	shown := time.Now()
	err := a.files.Send(ctx, b.host.Self(), []string{path}, func(e share.Event) {
		if e.Kind == share.Progress && time.Since(shown) > time.Second {
			shown = time.Now()
			d.c.printf("  %3d %%  %s/s\n", e.Bytes*100/max(1, e.Total), share.Size(int64(e.Rate)))
		}
		if e.Kind == share.Finished {
			d.c.printf("  100 %%  %s in %.2f s, %s/s\n", share.Size(e.Total), e.Elapsed.Seconds(), share.Size(int64(e.Rate)))
		}
	})
	if err != nil {
		return fail(client.Failed, "the file did not arrive: %v", err)
	}
	arrived := filepath.Join(b.files.Files(), "film.bin")
	sum, err := fileSum(arrived)
	if err != nil {
		return fail(client.Failed, "cannot read what arrived: %v", plain(err))
	}
	if sum != sha256.Sum256(data) {
		return fail(client.NotVerified, "what arrived differs from what was sent")
	}
	d.c.printf("B has film.bin with the same SHA-256: %x…\n", sum[:8])
	return nil
}

func fileSum(path string) (sum [32]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	h.Sum(sum[:0])
	return sum, err
}
