//go:build peers

package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	p2ppeer "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	quictransport "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/multiformats/go-multiaddr"
	"github.com/quic-go/quic-go"
)

func init() { transports["libp2p"] = transport{libp2pServe, libp2pPrepare} }

// libp2pKey is that of the server (2) or of the client (1).
func libp2pKey(number byte) (key crypto.PrivKey, id p2ppeer.ID, err error) {
	key, err = crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), number)))
	if err == nil {
		id, err = p2ppeer.IDFromPublicKey(key.GetPublic())
	}
	return key, id, err
}

// libp2pStart is a swarm with QUIC alone, without limits on what peers take. A host upon it would name the protocol of
// each stream, too.
func libp2pStart(number byte) (*swarm.Swarm, error) {
	key, id, err := libp2pKey(number)
	if err != nil {
		return nil, err
	}
	store, err := pstoremem.NewPeerstore()
	if err != nil {
		return nil, err
	}
	if err := store.AddPrivKey(id, key); err != nil {
		return nil, err
	}
	if err := store.AddPubKey(id, key.GetPublic()); err != nil {
		return nil, err
	}
	s, err := swarm.NewSwarm(id, store, eventbus.NewBus(), swarm.WithResourceManager(&network.NullResourceManager{}))
	if err != nil {
		return nil, err
	}
	reuse, err := quicreuse.NewConnManager(quic.StatelessResetKey{}, quic.TokenGeneratorKey{})
	if err != nil {
		return nil, err
	}
	t, err := quictransport.NewTransport(key, reuse, nil, nil, &network.NullResourceManager{})
	if err != nil {
		return nil, err
	}
	return s, s.AddTransport(t)
}

// quicAddress is "host:port" as libp2p has it.
func quicAddress(addr string) string {
	ip, port, _ := strings.Cut(addr, ":")
	return fmt.Sprintf("/ip4/%s/udp/%s/quic-v1", ip, port)
}

// libp2pServe takes streams over libp2p's QUIC.
func libp2pServe(c config, ready func()) error {
	addr, err := multiaddr.NewMultiaddr(quicAddress(c.listen))
	if err != nil {
		return err
	}
	s, err := libp2pStart(2)
	if err != nil {
		return err
	}
	s.SetStreamHandler(func(s network.Stream) { serveStream(s) })
	if err := s.Listen(addr); err != nil {
		return err
	}
	ready()
	select {}
}

// A libp2pPeer is a server that the client's swarm knows.
type libp2pPeer struct {
	s  *swarm.Swarm
	id p2ppeer.ID
}

func libp2pPrepare(_ context.Context, c config) (peer, error) {
	s, err := libp2pStart(1)
	if err != nil {
		return nil, err
	}
	_, id, err := libp2pKey(2)
	if err != nil {
		return nil, err
	}
	addr, err := multiaddr.NewMultiaddr(quicAddress(c.peer))
	if err != nil {
		return nil, err
	}
	s.Peerstore().AddAddr(id, addr, peerstore.PermanentAddrTTL)
	return &libp2pPeer{s, id}, nil
}

func (p *libp2pPeer) dial(ctx context.Context) error {
	_, err := p.s.DialPeer(ctx, p.id)
	return err
}

func (p *libp2pPeer) open(ctx context.Context) (stream, error) { return p.s.NewStream(ctx, p.id) }

func (p *libp2pPeer) cpu(ctx context.Context) (float64, error) { return askCPU(ctx, p.open) }
