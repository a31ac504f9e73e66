package main

import (
	"context"

	"github.com/quic-go/quic-go"
)

// quicServe takes streams over quic-go.
func quicServe(c config, ready func()) error {
	l, err := quic.ListenAddr(c.listen, serverTLS(), quicConfig())
	if err != nil {
		return err
	}
	ready()
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
				go serveStream(quicStream{s})
			}
		}()
	}
}

// A quicPeer has one connection.
type quicPeer struct {
	addr string
	conn *quic.Conn
}

func newQUICPeer(addr string) peer { return &quicPeer{addr: addr} }

func (p *quicPeer) dial(ctx context.Context) (err error) {
	p.conn, err = quic.DialAddr(ctx, p.addr, clientTLS(), quicConfig())
	return err
}

func (p *quicPeer) open(ctx context.Context) (stream, error) {
	if p.conn == nil {
		if err := p.dial(ctx); err != nil {
			return nil, err
		}
	}
	s, err := p.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	return quicStream{s}, nil
}

func (p *quicPeer) cpu(ctx context.Context) (float64, error) { return askCPU(ctx, p.open) }

// A quicStream is a stream whose Close closes the writing half, as quic-go has it.
type quicStream struct{ *quic.Stream }

func (s quicStream) CloseWrite() error { return s.Stream.Close() }

// Close ends the reading half too, so that the stream is forgotten.
func (s quicStream) Close() error {
	s.CancelRead(0)
	return s.Stream.Close()
}

func quicConfig() *quic.Config {
	return &quic.Config{
		InitialStreamReceiveWindow:     4 << 20,
		MaxStreamReceiveWindow:         32 << 20,
		InitialConnectionReceiveWindow: 8 << 20,
		MaxConnectionReceiveWindow:     64 << 20,
		MaxIncomingStreams:             1 << 16,
	}
}
