//go:build peers

package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"syscall"
	"time"

	"github.com/gologme/log"
	"github.com/yggdrasil-network/yggdrasil-go/src/address"
	"github.com/yggdrasil-network/yggdrasil-go/src/core"
	"github.com/yggdrasil-network/yggdrasil-go/src/ipv6rwc"
	yggtun "github.com/yggdrasil-network/yggdrasil-go/src/tun"
)

func init() { transports["yggdrasil"] = transport{yggdrasilServe, yggdrasilPrepare} }

func yggdrasilKey(number byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), number))
}

// yggdrasilStart runs a node with a TUN interface.
func yggdrasilStart(number byte, option core.SetupOption) error {
	key := yggdrasilKey(number)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	quiet := log.New(io.Discard, "", 0)
	c, err := core.New(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, quiet, option)
	if err != nil {
		return err
	}
	_, err = yggtun.New(ipv6rwc.NewReadWriteCloser(c), quiet, yggtun.InterfaceName("ygg0"), yggtun.InterfaceMTU(65535))
	return err
}

func yggdrasilAddress(number byte) string {
	a := address.AddrForKey(yggdrasilKey(number).Public().(ed25519.PublicKey))
	return net.IP(a[:]).String()
}

// yggdrasilServe takes TCP connections through Yggdrasil, whose link is TLS: that of a neighbour, or of the relay
// that the server knows as its peer.
func yggdrasilServe(c config, ready func()) error {
	number, option := byte(2), core.SetupOption(core.ListenAddress("tls://"+c.listen))
	if c.role == "relay" {
		number = 3
	} else if c.peer != "" {
		option = core.Peer{URI: "tls://" + c.peer}
	}
	if err := yggdrasilStart(number, option); err != nil {
		return err
	}
	if c.role == "relay" {
		ready()
		select {}
	}
	c.listen = fmt.Sprintf("[%s]:4443", yggdrasilAddress(number))
	for {
		if err := tcpServe(c, ready); !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return err
		}
		time.Sleep(20 * time.Millisecond) // the interface is being made
	}
}

func yggdrasilPrepare(ctx context.Context, c config) (peer, error) {
	if err := yggdrasilStart(1, core.Peer{URI: "tls://" + c.peer}); err != nil {
		return nil, err
	}
	p := newTCPPeer(fmt.Sprintf("[%s]:4443", yggdrasilAddress(2)))
	for range 100 { // until it has found the way
		try, cancel := context.WithTimeout(ctx, time.Second)
		s, err := p.open(try)
		cancel()
		if err == nil {
			return p, s.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, fmt.Errorf("no way to %s", yggdrasilAddress(2))
}
