package main

import (
	"context"
	"encoding/binary"
	"io"
	"maps"
	"math"
	"net"
	"slices"
	"strings"
	"time"
)

// A stream is what every measured transport offers.
type stream = io.ReadWriteCloser

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

// transports are all of them; with the build tag peers there are more.
var transports = map[string]transport{
	"caracal": {caracalServe, caracalPrepare},
	"quic":    {quicServe, dialling(newQUICPeer)},
	"tls":     {tlsServe, dialling(newTLSPeer)},
	"tcp":     {tcpServe, dialling(newTCPPeer)},
	"bbr":     {tlsServe, dialling(newBBRPeer)},
	"cubic":   {tlsServe, dialling(newCubicPeer)},
	"chacha":  {caracalServe, caracalPrepare}, // started where the processor has no AES
	"echo":    {echoServe, dialling(newEchoPeer)},
}

func names() []string { return slices.Sorted(maps.Keys(transports)) }

// dialling is for transports whose clients do not listen.
func dialling(p func(addr string) peer) func(context.Context, config) (peer, error) {
	return func(_ context.Context, c config) (peer, error) { return p(c.peer), nil }
}

// The first byte of a stream says what it is for.
const (
	toSink    = 'S' // as many bytes as the next 8 tell are read, then one byte is answered
	toEcho    = 'E' // what comes goes back
	toRequest = 'R' // 256 bytes are read, 4,096 answered
	toTell    = 'C' // the CPU seconds of the server are answered, 8 bytes
	toReport  = 'T' // all is read, and how much it was is answered now and then, 8 bytes
	toCount   = 'N' // how many datagrams came since the last time is answered, 8 bytes
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
		sink(s)
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
	case toReport:
		report(s)
	case toCount:
		s.Write(binary.BigEndian.AppendUint64(nil, counted.Swap(0)))
	case toTell:
		s.Write(binary.BigEndian.AppendUint64(nil, math.Float64bits(cpuSeconds())))
	}
	if c, ok := s.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
		io.Copy(io.Discard, s)
		return
	}
	time.Sleep(time.Second) // it can only be cut off
}

// port is that of "host:port".
func port(addr string) string {
	_, p, _ := strings.Cut(addr, ":")
	return p
}

func sink(s stream) {
	buf := make([]byte, 1<<20)
	if _, err := io.ReadFull(s, buf[:8]); err != nil {
		return
	}
	for left := binary.BigEndian.Uint64(buf); left > 0; {
		n, err := s.Read(buf[:min(left, uint64(len(buf)))])
		if left -= uint64(n); err != nil {
			return
		}
	}
	s.Write([]byte{1})
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
	var b [8]byte
	if _, err := io.ReadFull(s, b[:]); err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b[:])), nil
}
