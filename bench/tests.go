package main

import (
	"context"
	"encoding/binary"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// tests are what a client can measure. Each adds to the figures.
var tests = map[string]func(ctx context.Context, c config, p peer, figures map[string]any) error{
	"first":     first,
	"ping":      ping,
	"requests":  requests,
	"bulk":      bulk,
	"timed":     timed,
	"beside":    beside,
	"datagrams": datagrams,
}

const (
	pings         = 2000
	openings      = 200
	leastOpenings = 5
	openingsFor   = time.Second
	pingSize      = 64
	settleAfter   = 20 * time.Millisecond
	microseconds  = 1e6
	warmUpPackets = 200
)

// roundTrip sends one byte on a new stream, after the one that says what for, and waits for it to come back.
func roundTrip(ctx context.Context, p peer) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.Write([]byte{toEcho, 1}); err != nil {
		return err
	}
	_, err = io.ReadFull(s, make([]byte, 1))
	return err
}

// echo opens a stream on which the server sends back what comes.
func echo(ctx context.Context, p peer) (stream, error) {
	s, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	if _, err = s.Write([]byte{toEcho}); err != nil {
		s.Close()
	}
	return s, err
}

// first is the time from dialling to the first byte of the answer to one byte: first_ms from a peer never met,
// again_us from the same one, on a new stream.
func first(ctx context.Context, _ config, p peer, figures map[string]any) error {
	begun := time.Now()
	if err := p.dial(ctx); err != nil {
		return err
	}
	if err := roundTrip(ctx, p); err != nil {
		return err
	}
	figures["first_ms"] = time.Since(begun).Seconds() * 1e3
	time.Sleep(settleAfter)
	var took []float64
	for n := 0; n < openings && (n < leastOpenings || time.Since(begun) < openingsFor); n++ {
		begun := time.Now()
		if err := roundTrip(ctx, p); err != nil {
			return err
		}
		took = append(took, time.Since(begun).Seconds()*microseconds)
	}
	figures["again_us"] = percentile(took, 50)
	return nil
}

// ping is the round trip of 64 bytes on an open stream.
func ping(ctx context.Context, _ config, p peer, figures map[string]any) error {
	s, err := echo(ctx, p)
	if err != nil {
		return err
	}
	defer s.Close()
	var took []float64
	buf := make([]byte, pingSize)
	for n := range warmUpPackets + pings {
		begun := time.Now()
		if _, err := s.Write(buf); err != nil {
			return err
		}
		if _, err := io.ReadFull(s, buf); err != nil {
			return err
		}
		if n >= warmUpPackets {
			took = append(took, time.Since(begun).Seconds()*microseconds)
		}
	}
	figures["ping_us"], figures["ping_p99_us"] = percentile(took, 50), percentile(took, 99)
	return nil
}

// requests is how many a second are answered of 256 bytes with 4 KiB, a new stream each, c.parallel at a time, and request_us what
// one costs all processes, in microseconds of CPU.
func requests(ctx context.Context, c config, p peer, figures map[string]any) error {
	var done atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	theirs, err := p.cpu(ctx)
	if err != nil {
		return err
	}
	ours, begun := cpuSeconds(), time.Now()
	for range c.parallel {
		all.Go(func() {
			buf := make([]byte, responseSize)
			for time.Since(begun) < c.requests && failed.Load() == nil {
				if err := request(ctx, p, buf); err != nil {
					failed.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	figures["requests_s"] = float64(done.Load()) / time.Since(begun).Seconds()
	ours = cpuSeconds() - ours
	after, err := p.cpu(ctx)
	figures["request_us"] = (ours + after - theirs) / float64(done.Load()) * microseconds
	return err
}

func request(ctx context.Context, p peer, buf []byte) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	buf[0] = toRequest
	if _, err := s.Write(buf[:requestSize]); err != nil {
		return err
	}
	_, err = io.ReadFull(s, buf[:responseSize])
	return err
}

// bulk sends megabytes on one stream: mbit_s until the server confirmed the last, cpu_gb of all processes.
func bulk(ctx context.Context, c config, p peer, figures map[string]any) error {
	runtime.GC()
	theirs, err := p.cpu(ctx)
	if err != nil {
		return err
	}
	ours := cpuSeconds()
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	buf := make([]byte, 1<<20)
	begun := time.Now()
	if _, err := s.Write(binary.BigEndian.AppendUint64([]byte{toSink}, uint64(c.mb)*1e6)); err != nil {
		return err
	}
	for range c.mb {
		if _, err := s.Write(buf[:1000000]); err != nil {
			return err
		}
	}
	if _, err := io.ReadFull(s, buf[:1]); err != nil {
		return err
	}
	took := time.Since(begun)
	ours = cpuSeconds() - ours
	after, err := p.cpu(ctx)
	if err != nil {
		return err
	}
	figures["mbit_s"] = float64(c.mb) * 8 / took.Seconds()
	figures["cpu_gb"] = (ours + after - theirs) / (float64(c.mb) / 1e3)
	return nil
}

func percentile(v []float64, p int) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[min(len(v)*p/100, len(v)-1)]
}
