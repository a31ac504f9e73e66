// Command bench plays one role of a measurement: a server that sinks streams, a
// client that sends one, or a relay. bench.sh puts the roles into namespaces and
// compares the figures they print, one JSON line each.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"
)

// A stream is what every measured transport offers.
type stream interface {
	io.ReadWriteCloser
	CloseWrite() error
}

func main() {
	proto := flag.String("proto", "caracal", "caracal, quic or tls")
	role := flag.String("role", "server", "server, client, relay, or sid to print the SID of -seed")
	listen := flag.String("listen", "", "address to listen on")
	peer := flag.String("peer", "", "address of the server, or of the relay (caracal)")
	to := flag.String("to", "", "SID of the server (caracal)")
	seed := flag.Int("seed", 0, "identity of this node (caracal)")
	mb := flag.Int("mb", 1000, "megabytes to send")
	profile := flag.String("cpuprofile", "", "file for a CPU profile of this role")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	if err := run(*proto, *role, *listen, *peer, *to, *seed, *mb); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(proto, role, listen, peer, to string, seed, mb int) error {
	if role == "sid" {
		fmt.Println(identity(seed).SID())
		return nil
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	if role != "client" {
		failed := make(chan error, 1)
		go func() {
			switch proto {
			case "quic":
				failed <- quicServe(listen)
			case "tls":
				failed <- tlsServe(listen)
			default:
				failed <- caracalServe(listen, peer, seed)
			}
		}()
		select {
		case err := <-failed:
			return err
		case <-stop:
			return report(map[string]any{"role": role, "proto": proto, "cpu_s": cpuSeconds(), "rss_mb": rssMB()})
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	dial, err := dialer(proto, listen, peer, to, seed)
	if err != nil {
		return err
	}
	first, err := firstByte(ctx, dial)
	if err != nil {
		return err
	}
	rate, err := bulk(ctx, dial, mb)
	if err != nil {
		return err
	}
	return report(map[string]any{
		"role": role, "proto": proto, "mbit_s": rate, "first_byte_ms": first.Seconds() * 1e3,
		"cpu_s": cpuSeconds(), "rss_mb": rssMB(),
	})
}

type dialFunc func(context.Context) (stream, error)

func dialer(proto, listen, peer, to string, seed int) (dialFunc, error) {
	switch proto {
	case "quic":
		return func(ctx context.Context) (stream, error) { return quicDial(ctx, peer) }, nil
	case "tls":
		return func(ctx context.Context) (stream, error) { return tlsDial(ctx, peer) }, nil
	}
	return caracalDialer(listen, peer, to, seed)
}

// firstByte is the time from dialling to the first byte of the answer to one byte.
func firstByte(ctx context.Context, dial dialFunc) (time.Duration, error) {
	start := time.Now()
	s, err := dial(ctx)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if _, err := s.Write([]byte{1}); err != nil {
		return 0, err
	}
	if err := s.CloseWrite(); err != nil {
		return 0, err
	}
	_, err = io.ReadFull(s, make([]byte, 1))
	return time.Since(start), err
}

// bulk sends mb megabytes on one stream and returns Mbit/s until the server confirmed the last.
func bulk(ctx context.Context, dial dialFunc, mb int) (float64, error) {
	s, err := dial(ctx)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	buf := make([]byte, 1<<20)
	start := time.Now()
	for range mb {
		if _, err := s.Write(buf[:1000000]); err != nil {
			return 0, err
		}
	}
	if err := s.CloseWrite(); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(s, buf[:1]); err != nil {
		return 0, err
	}
	return float64(mb) * 8 / time.Since(start).Seconds(), nil
}

// serve sinks what connects.
func serve(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go sink(c, c.(stream).CloseWrite)
	}
}

// sink reads a stream to its end and answers one byte.
func sink(s io.ReadWriter, closeWrite func() error) {
	buf := make([]byte, 1<<20)
	for {
		if _, err := s.Read(buf); err != nil {
			break
		}
	}
	if _, err := s.Write([]byte{1}); err == nil {
		_ = closeWrite()
	}
}

func report(v map[string]any) error { return json.NewEncoder(os.Stdout).Encode(v) }

func cpuSeconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func rssMB() float64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident int
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		return 0
	}
	return float64(resident*os.Getpagesize()) / 1e6
}
