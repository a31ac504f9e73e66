// Command bench plays one role of a measurement: a server, a client that measures, or a relay. bench.sh puts the
// roles into namespaces and compares the figures they print, one JSON line each.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"
)

// A config is the command line.
type config struct {
	proto, role, listen, peer, to, via string
	seed, mb, size, queue, parallel    int
	tests                              string
	seconds, requests, rtt             time.Duration
	rate, loss                         float64
}

func main() {
	var c config
	flag.StringVar(&c.proto, "proto", "caracal", "one of "+strings.Join(names(), ", "))
	flag.StringVar(&c.role, "role", "server", "server, client, relay, impair, or sid to print the SID of -seed")
	flag.StringVar(&c.listen, "listen", "", "address to listen on")
	flag.StringVar(&c.peer, "peer", "", "address of the server, or of the relay (caracal)")
	flag.StringVar(&c.to, "to", "", "SID of the server (caracal)")
	flag.StringVar(&c.via, "via", "", "SID of the relay, whose CPU time counts too (caracal)")
	flag.IntVar(&c.seed, "seed", 0, "identity of this node (caracal)")
	flag.IntVar(&c.mb, "mb", 1000, "megabytes to send")
	flag.StringVar(&c.tests, "tests", "first,ping,requests,bulk", "what a client measures, in this order")
	seconds := flag.Float64("seconds", 10, "how long the tests timed, beside and datagrams take")
	flag.DurationVar(&c.requests, "requests", time.Second, "how long the test of that name takes")
	flag.IntVar(&c.parallel, "parallel", 64, "how many requests are asked at a time")
	flag.IntVar(&c.size, "size", 1400, "bytes of a datagram (datagrams)")
	flag.Float64Var(&c.rate, "rate", 100, "Mbit/s of the link (impair)")
	rtt := flag.Float64("rtt", 40, "round trip of the link in ms (impair)")
	flag.Float64Var(&c.loss, "loss", 0, "packets lost in each direction, in % (impair)")
	flag.IntVar(&c.queue, "queue", 500, "KB that wait for the link at most (impair)")
	profile := flag.String("cpuprofile", "", "file for a CPU profile of this role")
	memory := flag.String("memprofile", "", "file for a profile of all that this role allocates")
	flag.Parse()
	if *memory != "" {
		runtime.MemProfileRate = 1 << 14
	}
	c.seconds = time.Duration(*seconds * float64(time.Second))
	c.rtt = time.Duration(*rtt * float64(time.Millisecond))
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
	}
	err := run(c)
	pprof.StopCPUProfile()
	if *memory != "" {
		err = errors.Join(err, writeMemory(*memory))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// writeMemory writes what was allocated since the start.
func writeMemory(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return pprof.Lookup("allocs").WriteTo(f, 0)
}

func run(c config) error {
	if c.role == "sid" {
		fmt.Println(identity(c.seed).SID())
		return nil
	}
	if c.role == "impair" {
		return impair(c)
	}
	t, ok := transports[c.proto]
	if !ok {
		return fmt.Errorf("no transport %q", c.proto)
	}
	if c.role != "client" {
		return stand(c, t)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	p, err := t.prepare(ctx, c)
	if err != nil {
		return err
	}
	figures := map[string]any{"proto": c.proto}
	for _, name := range strings.Split(c.tests, ",") {
		test, ok := tests[name]
		if !ok {
			return fmt.Errorf("no test %q", name)
		}
		if err := test(ctx, c, p, figures); err != nil {
			return fmt.Errorf("%s: %s: %w", c.proto, name, err)
		}
	}
	figures["rss_mb"] = rssMB()
	return json.NewEncoder(os.Stdout).Encode(figures)
}

// stand serves until it is told to end.
func stand(c config, t transport) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	failed := make(chan error, 1)
	go func() { failed <- t.serve(c, func() { fmt.Println("ready") }) }()
	select {
	case err := <-failed:
		return err
	case <-stop:
		return nil
	}
}

// cpuSeconds is what this process has used.
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
