package main

import (
	"context"
	"encoding/binary"
	"io"
	"time"
)

const (
	reportEvery = 100 * time.Millisecond
	besideEvery = 20 * time.Millisecond
	besideWarm  = 2 * time.Second // until the transfer has filled what there is
)

// timed is the goodput of one stream within some seconds from its opening, as its receiver sees it: goodput_mbit_s.
func timed(ctx context.Context, c config, p peer, figures map[string]any) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	go fill(s, begun.Add(c.seconds+time.Second))
	var got uint64
	var at time.Duration
	report := make([]byte, 8)
	for at < c.seconds {
		if _, err := io.ReadFull(s, report); err != nil {
			return err
		}
		at, got = time.Since(begun), binary.BigEndian.Uint64(report)
	}
	figures["goodput_mbit_s"] = float64(got) * 8 / at.Seconds() / 1e6
	return nil
}

// fill writes until the time given, or until nothing more goes.
func fill(s stream, until time.Time) {
	buf := make([]byte, 64<<10)
	buf[0] = toReport
	for time.Now().Before(until) {
		if _, err := s.Write(buf); err != nil {
			return
		}
		buf[0] = 0
	}
}

// report reads all there is, and tells now and then how much it was.
func report(s stream) {
	buf := make([]byte, 256<<10)
	var got uint64
	told := time.Now()
	for {
		n, err := s.Read(buf)
		if got += uint64(n); err != nil {
			return
		}
		if now := time.Now(); now.Sub(told) >= reportEvery {
			told = now
			if _, err := s.Write(binary.BigEndian.AppendUint64(nil, got)); err != nil {
				return
			}
		}
	}
}

// beside is the round trip of 64 bytes, each 20 ms, on a stream of its own (for TCP and TLS a connection of its own),
// alone and beside a transfer on another: 99 of 100 take less than idle_p99_ms and beside_p99_ms.
func beside(ctx context.Context, c config, p peer, figures map[string]any) error {
	s, err := echo(ctx, p)
	if err != nil {
		return err
	}
	defer s.Close()
	idle, err := pace(s, c.seconds/2)
	if err != nil {
		return err
	}
	bulk, err := p.open(ctx)
	if err != nil {
		return err
	}
	go fill(bulk, time.Now().Add(c.seconds+besideWarm))
	go io.Copy(io.Discard, bulk)
	time.Sleep(besideWarm)
	busy, err := pace(s, c.seconds)
	if err != nil {
		return err
	}
	figures["idle_p99_ms"], figures["beside_p99_ms"] = percentile(idle, 99), percentile(busy, 99)
	figures["beside_p50_ms"] = percentile(busy, 50)
	return nil
}

// pace sends 64 bytes each 20 ms and gives the round trips in ms.
func pace(s stream, lasting time.Duration) (took []float64, err error) {
	buf := make([]byte, pingSize)
	for end := time.Now().Add(lasting); time.Now().Before(end); {
		begun := time.Now()
		if _, err := s.Write(buf); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(s, buf); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begun).Seconds()*1e3)
		time.Sleep(time.Until(begun.Add(besideEvery)))
	}
	return took, nil
}
