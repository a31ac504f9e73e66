package doctor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

// maxPeers bounds the peers that are tried; tries is how often each.
const maxPeers, tries = 32, 3

// peers tries to reach those asked for, all at once.
func (r *Report) peers(ctx context.Context, p Patient) {
	who := p.Peers[:min(len(p.Peers), maxPeers)]
	found := make([]Finding, len(who))
	var all sync.WaitGroup
	for i, s := range who {
		all.Go(func() { found[i] = try(ctx, p, s) })
	}
	all.Wait()
	r.Findings = append(r.Findings, found...)
	if len(p.Peers) == 0 {
		r.add("peers", "none", OK, "no peers in sight, and none named")
	}
}

// try reaches one peer, with small packets and with large ones.
func try(ctx context.Context, p Patient, s sid.SID) Finding {
	f := Finding{Section: "peers", Check: "reach"}
	name := p.Name(s)
	reply, err := insist(ctx, func(ctx context.Context) (host.PingReply, error) { return p.Host.Ping(ctx, s) })
	switch {
	case errors.Is(err, overlay.ErrNoRoute):
		f.Level, f.Text = Problem, name+": no way to it"
		f.Why = "It is off, or nobody in reach has heard of it lately."
		f.Commands = []string{"caracal why " + quote(name)}
		return f
	case err != nil:
		f.Level, f.Text = Problem, fmt.Sprintf("%s: no reply to %d pings", name, tries)
		f.Why = "A way is known, but nothing comes back."
		f.Commands = []string{"caracal trace " + quote(name)}
		return f
	}
	f.Level, f.Text = OK, fmt.Sprintf("%s %.1f ms, %s", name, float64(reply.RTT.Microseconds())/1000, hops(reply.Hops))
	size, err := insist(ctx, func(ctx context.Context) (int, error) { return p.Host.PingLargest(ctx, s) })
	if err != nil && ctx.Err() == nil {
		f.Check, f.Level = "mtu", Hint
		f.Text = fmt.Sprintf("%s %.1f ms, but packets of %d bytes do not get through", name, float64(reply.RTT.Microseconds())/1000, size)
		f.Why = "A link on the way carries less than it says (an MTU black hole). Streams notice and send smaller packets; datagrams of that size are lost."
	}
	return f
}

// insist tries so many times.
func insist[T any](ctx context.Context, f func(context.Context) (T, error)) (got T, err error) {
	for range tries {
		one, cancel := context.WithTimeout(ctx, pingFor)
		got, err = f(one)
		cancel()
		if err == nil || errors.Is(err, overlay.ErrNoRoute) {
			break
		}
	}
	return got, err
}

func hops(n int) string {
	if n == 1 {
		return "1 hop"
	}
	return fmt.Sprintf("%d hops", n)
}

// versions looks for those who speak otherwise.
func (r *Report) versions(d *host.Diagnosis) {
	if n := d.Overlay.BeaconsForeign; n > 0 && d.Now.Sub(d.Started) > time.Second {
		r.add("node", "foreign", Hint, fmt.Sprintf("%d beacons that this node does not understand", n)).
			because("Somebody near is in another mesh: a private one with another key, an open one, or of another version. Nothing to do if that is meant.")
	}
}
