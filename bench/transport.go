package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
)

// A stream is what every measured transport offers.
type stream interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// A peer is a server that a client is about to talk to. dial makes a connection to it where there are any, open a
// stream on it.
type peer interface {
	dial(ctx context.Context) error
	open(ctx context.Context) (stream, error)
	cpu(ctx context.Context) (float64, error) // seconds used so far by all who serve
}

// A transport is one of those compared.
type transport struct {
	serve   func(c config, ready func()) error
	prepare func(ctx context.Context, c config) (peer, error)
}

// transports are all of them.
var transports = map[string]transport{
	"caracal": {caracalServe, caracalPrepare},
	"quic":    {quicServe, dialling(newQUICPeer)},
	"tls":     {tlsServe, dialling(newTLSPeer)},
	"tcp":     {tcpServe, dialling(newTCPPeer)},
}

func names() []string { return slices.Sorted(maps.Keys(transports)) }

// dialling is for transports whose clients do not listen.
func dialling(p func(addr string) peer) func(context.Context, config) (peer, error) {
	return func(_ context.Context, c config) (peer, error) { return p(c.peer), nil }
}

// The first byte of a stream says what it is for.
const (
	toSink    = 'S' // all is read, then one byte is answered
	toEcho    = 'E' // what comes goes back
	toRequest = 'R' // 256 bytes are read, 4,096 answered
	toTell    = 'C' // the CPU seconds of the server are answered
)

const requestSize, responseSize = 256, 4096

// acceptAll serves what connects.
func acceptAll(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go serveStream(c.(stream))
	}
}

// serveStream does what the first byte says.
func serveStream(s stream) {
	defer s.Close()
	var kind [1]byte
	if _, err := io.ReadFull(s, kind[:]); err != nil {
		return
	}
	switch kind[0] {
	case toSink:
		buf := make([]byte, 1<<20)
		for {
			if _, err := s.Read(buf); err != nil {
				break
			}
		}
		s.Write(kind[:])
	case toEcho:
		buf := make([]byte, 1<<10)
		for {
			n, err := s.Read(buf)
			if err == nil {
				_, err = s.Write(buf[:n])
			}
			if err != nil {
				break
			}
		}
	case toRequest:
		var buf [responseSize]byte
		if _, err := io.ReadFull(s, buf[:requestSize-1]); err == nil {
			s.Write(buf[:])
		}
	case toTell:
		fmt.Fprint(s, cpuSeconds())
	}
	s.CloseWrite()
	io.Copy(io.Discard, s)
}

// askCPU asks who is at the other end.
func askCPU(ctx context.Context, open func(context.Context) (stream, error)) (float64, error) {
	s, err := open(ctx)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if _, err := s.Write([]byte{toTell}); err != nil {
		return 0, err
	}
	if err := s.CloseWrite(); err != nil {
		return 0, err
	}
	b, err := io.ReadAll(s)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(string(b), 64)
}
