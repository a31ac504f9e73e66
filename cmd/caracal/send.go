package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/share"
)

func (c *command) send() *cobra.Command {
	var as string
	cmd := &cobra.Command{
		Use: "send PATH… PEER", Short: "Send files and folders; the same command goes on where it stopped",
		Long: `Send files and folders. The peer takes them by its rule (caracal up --accept), or when a person there accepts (caracal inbox). What was cut off,
by whatever side, goes on where it was, with the same command; all of it is verified. Symbolic links in a folder are left out.

"-" is standard input, called as --as says. All of it is read first, since a receiver is told the size.`,
		Example: "  caracal send holiday.zip photos kitchen\n  tar c . | caracal send - kitchen --as backup.tar",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return misused(cmd, "PATH and PEER are missing")
			case 1:
				return misused(cmd, "PEER is missing")
			}
			n, err := c.node()
			if err != nil {
				return err
			}
			peer := args[len(args)-1]
			args, kept, err := c.spooled(cmd, args[:len(args)-1], as)
			if err != nil {
				return err
			}
			return kept.after(c.sendPaths(cmd.Context(), n, args, peer), peer)
		},
	}
	cmd.Flags().StringVar(&as, "as", "stdin", "name of what comes from standard input")
	return cmd
}

// sendPaths sends, and shows how it goes.
func (c *command) sendPaths(ctx context.Context, n *client.Client, args []string, peer string) error {
	paths, err := absolute(args)
	if err != nil {
		return err
	}
	s := sending{c: c, peer: peer, bar: newBar(c)}
	s.quiet = time.AfterFunc(time.Hour, s.still)
	err = n.Send(ctx, paths, s.peer, s.show)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet.Stop()
	s.bar.end()
	return s.why(err)
}

// absolute makes the paths absolute and sees that they can be read.
func absolute(args []string) ([]string, error) {
	paths := make([]string, len(args))
	for i, arg := range args {
		abs, err := filepath.Abs(arg)
		if err == nil {
			err = readable(abs)
		}
		if err != nil {
			var path *os.PathError
			if errors.As(err, &path) {
				err = path.Err
			}
			return nil, fail(client.Failed, "cannot send %s: %v", client.Printable(arg), err)
		}
		paths[i] = abs
	}
	return paths, nil
}

// readable tells why a path cannot be sent, nil when it can.
func readable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return errors.New("neither a file nor a folder")
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// A sending shows one transfer.
type sending struct {
	c    *command
	peer string // as typed
	get  bool   // it is fetched

	mu    sync.Mutex
	quiet *time.Timer // until it is said that nothing moves
	last  client.Transfer
	on    bool // accepted
	bar   *bar
	line  time.Time // when the last line was printed
}

// stillAfter is how long nothing moves before it is said.
const stillAfter = 4 * time.Second

// still says that nothing moves: the receiver is gone, busy with its disk, or the way is slow.
func (s *sending) still() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.moving() || s.c.json {
		return
	}
	text := fmt.Sprintf("nothing moves for %.0f s, waiting for %s …", stillAfter.Seconds(), s.last.PeerName)
	if !s.bar.note(text) {
		s.c.say("%s\n", text)
	}
}

// moving reports whether the transfer is in a state in which news come all the time.
func (s *sending) moving() bool {
	switch share.EventKind(s.last.Event) {
	case share.Accepted, share.Resuming, share.Progress:
		return true
	}
	return false
}

// show shows one event.
func (s *sending) show(t client.Transfer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet.Reset(stillAfter)
	s.last = t
	s.on = s.on || t.Event == string(share.Accepted)
	if s.c.json {
		s.c.line(t)
		return
	}
	what := client.Printable(t.What)
	switch share.EventKind(t.Event) {
	case share.Scanned:
		arrow := "→"
		if s.get {
			arrow = "←"
		}
		s.c.say("%s  %s %s %s\n", what, share.Size(t.Total), arrow, t.PeerName)
		s.line = time.Now()
	case share.Warning:
		s.c.say("left out %s\n", client.Printable(t.Text))
	case share.Waiting:
		s.c.say("waiting for %s to accept …\n", t.PeerName)
	case share.Accepted:
		if !s.get {
			s.c.say("%s\n", accepted(t.Text))
		}
		s.bar.begin(t.Total)
	case share.Paused:
		s.bar.end()
		s.c.say("paused. Go on with: caracal transfers resume %s\n", client.Printable(t.ID))
	case share.Resuming:
		s.resuming(&t)
	case share.Retrying:
		s.bar.end()
		s.retrying(&t)
	case share.Progress:
		s.bar.begin(t.Total) // after a pause, or when it was lost
		s.progress(&t, what)
	case share.Finished:
		s.bar.end()
		s.finished(&t, what)
	}
}

// resuming tells what the receiver has, unless that is all.
func (s *sending) resuming(t *client.Transfer) {
	switch {
	case t.ThereFiles == t.Files:
	case t.ThereFiles > 0:
		s.c.say("%s already there, continuing at %s\n", files(t.ThereFiles), share.Size(t.There))
	default:
		s.c.say("continuing at %s\n", share.Size(t.There))
	}
}

// retrying tells what is waited for, and how long.
func (s *sending) retrying(t *client.Transfer) {
	seconds := math.Ceil(t.Patience)
	if s.on {
		s.c.say("lost %s, trying to reach it again for %.0f s …\n", t.PeerName, seconds)
		return
	}
	s.c.say("no way to %s now, trying again for %.0f s …\n", t.PeerName, seconds)
}

// accepted says by which rule of the receiver.
func accepted(rule string) string {
	switch rule {
	case share.RulePerson:
		return "accepted"
	case share.RuleBefore:
		return "accepted before"
	}
	return fmt.Sprintf("accepted by rule \"%s\"", client.Printable(rule))
}

func (s *sending) finished(t *client.Transfer, what string) {
	sum := t.Hash[:min(8, len(t.Hash))]
	if s.get {
		how := speed(t) + ", verified"
		if t.Resumed == t.Total {
			how = "was here already, verified"
		}
		s.c.done("%s  %s %s → %s\n", what, share.Size(t.Total), how, tilde(client.Printable(t.Path)))
		return
	}
	if t.Resumed == t.Total && t.ThereFiles == t.Files {
		s.c.done("%s  %s was there already, verified (blake3 %s…)\n", what, share.Size(t.Total), sum)
		return
	}
	s.c.done("%s  %s %s, verified (blake3 %s…)\n", what, share.Size(t.Total), speed(t), sum)
}

// speed tells how quickly it went.
func speed(t *client.Transfer) string {
	took := fmt.Sprintf("%.1f s", t.Elapsed)
	if t.Elapsed < 1 {
		took = fmt.Sprintf("%.0f ms", t.Elapsed*1000)
	}
	return fmt.Sprintf("in %s, %s/s", took, share.Size(int64(t.Rate)))
}

// progress moves the bar, or prints a line each 10 s.
func (s *sending) progress(t *client.Transfer, what string) {
	if s.bar.set(t) || time.Since(s.line) < 10*time.Second {
		return
	}
	s.line = time.Now()
	eta := "?"
	if t.Rate > 0 {
		eta = fmt.Sprintf("%.0fs", float64(t.Total-t.Bytes)/t.Rate)
	}
	s.c.say("%s %.0f%% %s/%s %s/s eta %s\n", what, 100*part(t), share.Size(t.Bytes), share.Size(t.Total), share.Size(int64(t.Rate)), eta)
}

func part(t *client.Transfer) float64 {
	if t.Total == 0 {
		return 1
	}
	return float64(t.Bytes) / float64(t.Total)
}

func files(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

// why is the error of a transfer that ended: Ctrl-C and the death of our own node
// leave it to be continued.
func (s *sending) why(err error) error {
	var told *client.Error
	kept := ""
	if !s.get {
		kept = " (kept 30 days on " + s.last.PeerName + ")"
	}
	switch at := share.Size(s.last.Bytes) + " of " + share.Size(s.last.Total); {
	case errors.Is(err, context.Canceled) && !s.on:
		return fail(client.StoppedByUser, "stopped before anything was transferred")
	case errors.Is(err, context.Canceled):
		return fail(client.Interrupted, "stopped at %s. Continue any time with the same command%s.", at, kept)
	case errors.Is(err, context.DeadlineExceeded) && s.on:
		return fail(client.NoReply, "stopped by --timeout at %s. Continue any time with the same command%s.", at, kept)
	case errors.As(err, &told) && told.Code == client.NotRunning && s.on:
		return fail(client.Interrupted, "this node stopped at %s. Start it with caracal up, then continue with the same command.", at)
	}
	return err
}
