package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/sid"
	"github.com/caracal-mesh/caracal/sid/keyring"
)

// service is where the server sinks streams.
const service = "bench.sink/1"

// identity is that of the node with the given number.
func identity(number int) *sid.Identity {
	return sid.FromSeed([32]byte{'b', 'e', 'n', 'c', 'h', byte(number)})
}

// start runs a node in a home of its own that knows only the given peer.
func start(listen, peer string, number int) (*host.Host, error) {
	home, err := os.MkdirTemp("", "caracal-bench-*")
	if err != nil {
		return nil, err
	}
	key := keyring.Marshal(keyring.Entry{Identity: identity(number)})
	if err := os.WriteFile(filepath.Join(home, "identity.key"), key, 0o600); err != nil {
		return nil, err
	}
	cfg := host.Config{Home: home, Listen: listen, NoDiscovery: true}
	if peer != "" {
		cfg.Peers = []string{peer}
	}
	return host.Start(context.Background(), cfg)
}

// caracalServe sinks streams, and relays.
func caracalServe(listen, peer string, number int) error {
	h, err := start(listen, peer, number)
	if err != nil {
		return err
	}
	l, err := h.ListenService(service)
	if err != nil {
		return err
	}
	return serve(l)
}

// caracalDialer starts a node, waits until the mesh knows the server, and dials it.
func caracalDialer(listen, peer, to string, number int) (dialFunc, error) {
	server, err := sid.Parse(to)
	if err != nil {
		return nil, err
	}
	h, err := start(listen, peer, number)
	if err != nil {
		return nil, err
	}
	if err := waitFor(h, server); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (stream, error) {
		c, err := h.DialService(ctx, server, service)
		if err != nil {
			return nil, err
		}
		return c.(stream), nil
	}, nil
}

func waitFor(h *host.Host, server sid.SID) error {
	for range 200 {
		for _, p := range h.Status().Peers {
			if p.SID == server.String() && p.Hops > 0 {
				return nil
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the server %s did not appear within 10 s", server.Short())
}

var _ net.Conn = (*host.Conn)(nil)
