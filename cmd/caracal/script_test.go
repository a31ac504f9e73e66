package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/caracal-mesh/caracal/api/client"
)

func TestMain(m *testing.M) {
	if os.Getenv("CARACAL_TEST_CONFINED") != "" {
		os.Exit(m.Run()) // may not remove what testscript makes
	}
	_ = flag.Set("test.parallel", "8") // scripts mostly wait; the command line still has the last word
	testscript.Main(m, map[string]func(){"caracal": main})
}

// scripts counts the scripts started.
var scripts atomic.Int32

// TestScript runs the terminal sessions in testdata/script: "exits CODE COMMAND…" runs a command that
// must end with that code, "interrupts PATTERN COMMAND…" one that is ended by Ctrl-C once it has said that, "shows PATTERN COMMAND…" repeats one until its output matches. $A and $B are names that no other test on this machine uses.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "interrupts": interrupts, "shows": shows, "size": size},
		Setup: func(env *testscript.Env) error {
			alone()
			one := fmt.Sprintf("%d-%d", os.Getpid(), scripts.Add(1))
			env.Setenv("A", "alice-"+one)
			env.Setenv("B", "bob-"+one)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_DATA_HOME", "")
			env.Setenv("GOMEMLIMIT", "512MiB") // passphrases are stretched quicker
			for _, private := range []string{"pass", "wrong", "short", "bad"} {
				_ = os.Chmod(filepath.Join(env.WorkDir, private), 0o600) // where there is one
			}
			env.Defer(func() { stopAll(env.WorkDir) })
			return nil
		},
		UpdateScripts: os.Getenv("REWRITE") != "",
	})
}

// exits runs a command and compares its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// interrupts runs a command, sends SIGINT when what it says matches, and wants the exit code for that.
func interrupts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: interrupts PATTERN COMMAND…")
	}
	exits(ts, false, append([]string{"130", "sh", "-c", `pattern=$1; shift
		"$@" >stdout 2>stderr & pid=$!
		for i in $(seq 1000); do cat stdout stderr | grep -Eq "$pattern" && break; kill -0 $pid || break; sleep 0.05; done
		kill -INT $pid; wait $pid; code=$?
		cat stdout; cat stderr >&2; exit $code`, "sh"}, args...))
}

// shows repeats a command for at most a minute until what it prints matches: what has just started may not be there yet, and other nodes of this
// machine may stand between two of a test (see alone).
func shows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: shows PATTERN COMMAND…")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ts.Exec(args[1], args[2:]...) == nil && pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("nothing printed matches %s", args[0])
}

// size makes a file of so many bytes.
func size(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i * 7 / 251)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
}

// stopAll stops the nodes that a script left running in folders of its own.
func stopAll(dir string) {
	sockets, _ := filepath.Glob(filepath.Join(dir, "*", client.SocketName))
	for _, s := range sockets {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		client.New(filepath.Dir(s)).Down(ctx)
		cancel()
	}
}
