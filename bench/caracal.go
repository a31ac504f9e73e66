package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/sid"
	"github.com/caracal-mesh/caracal/sid/keyring"
)

// settleFor is for the server to know the way back, too.
const settleFor = 300 * time.Millisecond

// service is where the server takes streams.
const service = "bench/1"

// identity is that of the node with the given number.
func identity(number int) *sid.Identity {
	return sid.FromSeed([32]byte{'b', 'e', 'n', 'c', 'h', byte(number)})
}

// start runs a node in a home of its own that knows only the given peer.
func start(c config) (*host.Host, error) {
	home, err := os.MkdirTemp("", "caracal-bench-*")
	if err != nil {
		return nil, err
	}
	key := keyring.Marshal(keyring.Entry{Identity: identity(c.seed)})
	if err := os.WriteFile(filepath.Join(home, "identity.key"), key, 0o600); err != nil {
		return nil, err
	}
	cfg := host.Config{Home: home, Listen: c.listen, NoDiscovery: true}
	if c.peer != "" {
		cfg.Peers = []string{c.peer}
	}
	return host.Start(context.Background(), cfg)
}

// caracalServe takes streams, and relays.
func caracalServe(c config, ready func()) error {
	h, err := start(c)
	if err != nil {
		return err
	}
	l, err := h.ListenService(service)
	if err != nil {
		return err
	}
	datagrams, err := h.ListenPacket(countPort)
	if err != nil {
		return err
	}
	go count(datagrams)
	ready()
	return acceptAll(l)
}

// A caracalPeer is a server known by its SID.
type caracalPeer struct {
	h     *host.Host
	sid   sid.SID
	relay sid.SID // zero: none
}

// caracalPrepare starts a node and waits until the mesh knows the server.
func caracalPrepare(_ context.Context, c config) (peer, error) {
	server, err := sid.Parse(c.to)
	if err != nil {
		return nil, err
	}
	p := &caracalPeer{sid: server}
	if c.via != "" {
		if p.relay, err = sid.Parse(c.via); err != nil {
			return nil, err
		}
	}
	if p.h, err = start(c); err != nil {
		return nil, err
	}
	for range 400 {
		for _, s := range p.h.Status().Peers {
			if s.SID == server.String() && s.Hops > 0 {
				time.Sleep(settleFor)
				return p, nil
			}
		}
		time.Sleep(25 * time.Millisecond)
	}
	return nil, fmt.Errorf("the server %s did not appear within 10 s", server.Short())
}

// dial has nothing to do: the first stream makes the session.
func (p *caracalPeer) dial(context.Context) error { return nil }

func (p *caracalPeer) open(ctx context.Context) (stream, error) { return p.openTo(ctx, p.sid) }

func (p *caracalPeer) openTo(ctx context.Context, to sid.SID) (stream, error) {
	c, err := p.h.DialService(ctx, to, service)
	if err != nil {
		return nil, err
	}
	return c.(stream), nil
}

func (p *caracalPeer) cpu(ctx context.Context) (float64, error) {
	sum, err := askCPU(ctx, p.open)
	if err != nil || p.relay.IsZero() {
		return sum, err
	}
	relay, err := askCPU(ctx, func(ctx context.Context) (stream, error) { return p.openTo(ctx, p.relay) })
	return sum + relay, err
}
