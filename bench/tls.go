package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tcpServe takes connections over TCP, in clear.
func tcpServe(c config, ready func()) error {
	l, err := net.Listen("tcp", c.listen)
	if err != nil {
		return err
	}
	ready()
	return acceptAll(l)
}

// tlsServe takes connections over TCP and TLS 1.3.
func tlsServe(c config, ready func()) error {
	l, err := tls.Listen("tcp", c.listen, serverTLS())
	if err != nil {
		return err
	}
	ready()
	return acceptAll(l)
}

// A tcpPeer makes a connection for each stream.
type tcpPeer struct {
	addr       string
	tls        *tls.Config // nil: in clear
	congestion string      // the controller; "" = the system's
}

func newTCPPeer(addr string) peer { return &tcpPeer{addr: addr} }

func newTLSPeer(addr string) peer { return &tcpPeer{addr: addr, tls: clientTLS()} }

// newBBRPeer is TLS over the congestion control that takes loss for noise, newCubicPeer over that which does not. newTLSPeer
// has what the system has.
func newBBRPeer(addr string) peer { return &tcpPeer{addr: addr, tls: clientTLS(), congestion: "bbr"} }

func newCubicPeer(addr string) peer {
	return &tcpPeer{addr: addr, tls: clientTLS(), congestion: "cubic"}
}

func (p *tcpPeer) dial(context.Context) error { return nil }

func (p *tcpPeer) open(ctx context.Context) (stream, error) {
	d := &net.Dialer{Control: p.control}
	if p.tls == nil {
		c, err := d.DialContext(ctx, "tcp", p.addr)
		if err != nil {
			return nil, err
		}
		return c.(*net.TCPConn), nil
	}
	c, err := (&tls.Dialer{NetDialer: d, Config: p.tls}).DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return nil, err
	}
	return c.(*tls.Conn), nil
}

// control chooses the controller.
func (p *tcpPeer) control(_, _ string, c syscall.RawConn) (err error) {
	if p.congestion == "" {
		return nil
	}
	controlled := c.Control(func(fd uintptr) {
		err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, p.congestion)
	})
	return errors.Join(err, controlled)
}

func (p *tcpPeer) cpu(ctx context.Context) (float64, error) { return askCPU(ctx, p.open) }

func serverTLS() *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		NextProtos:   []string{"bench"},
		MinVersion:   tls.VersionTLS13,
	}
}

// clientTLS trusts anybody: the bench measures speed between namespaces of its own.
func clientTLS() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"bench"}, MinVersion: tls.VersionTLS13}
}
