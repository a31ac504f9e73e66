package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"time"

	"github.com/quic-go/quic-go"
)

// quicServe sinks streams over quic-go on addr.
func quicServe(addr string) error {
	l, err := quic.ListenAddr(addr, serverTLS(), quicConfig())
	if err != nil {
		return err
	}
	for {
		conn, err := l.Accept(context.Background())
		if err != nil {
			return err
		}
		go func() {
			for {
				s, err := conn.AcceptStream(context.Background())
				if err != nil {
					return
				}
				go sink(s, s.Close)
			}
		}()
	}
}

// quicDial connects and opens one stream.
func quicDial(ctx context.Context, addr string) (stream, error) {
	conn, err := quic.DialAddr(ctx, addr, clientTLS(), quicConfig())
	if err != nil {
		return nil, err
	}
	s, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	return quicStream{s}, nil
}

// A quicStream is a stream whose Close closes the writing half, as quic-go has it.
type quicStream struct{ *quic.Stream }

func (s quicStream) CloseWrite() error { return s.Close() }

func quicConfig() *quic.Config {
	return &quic.Config{
		InitialStreamReceiveWindow:     4 << 20,
		MaxStreamReceiveWindow:         32 << 20,
		InitialConnectionReceiveWindow: 8 << 20,
		MaxConnectionReceiveWindow:     64 << 20,
	}
}

// tlsServe sinks connections over TCP and TLS 1.3 on addr.
func tlsServe(addr string) error {
	l, err := tls.Listen("tcp", addr, serverTLS())
	if err != nil {
		return err
	}
	return serve(l)
}

func tlsDial(ctx context.Context, addr string) (stream, error) {
	d := tls.Dialer{NetDialer: &net.Dialer{}, Config: clientTLS()}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return c.(*tls.Conn), nil
}

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

var _ io.ReadWriteCloser = quicStream{}
