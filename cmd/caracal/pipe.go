package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/share"
)

// defaultPipe is the service of a pipe that has no name.
const defaultPipe = "pipe"

// A tunnelLine is a line of JSON about what pipe, forward, expose and socks carry.
type tunnelLine struct {
	Schema   string `json:"schema"`
	Event    string `json:"event"` // listening, waiting, open, closed, failed, denied
	Conn     int    `json:"conn,omitempty"`
	Listen   string `json:"listen,omitempty"`
	From     string `json:"from,omitempty"`
	SID      string `json:"sid,omitempty"`
	Name     string `json:"name,omitempty"`
	Service  string `json:"service,omitempty"`
	Sent     int64  `json:"sent"` // to the peer, bytes
	Received int64  `json:"received"`
	Reason   string `json:"reason,omitempty"` // of waiting: for what
	Error    string `json:"error,omitempty"`
}

func (c *command) pipe() *cobra.Command {
	var name string
	var to []string
	cmd := &cobra.Command{
		Use: "pipe PEER[:NAME]", Short: "Join stdin and stdout to those of a program at a peer",
		Long: `Join stdin and stdout to those of a program at a peer. One side waits with --listen NAME and takes the first who
comes; the other names it. The end of stdin is passed on, and the other direction goes on until it ends too. Exit code 0 means
that the other side has everything. A cut of the network only delays it; to a peer to whom there is no way yet it waits 3 s for
one (exit code 5).

At a terminal, --listen ends when the other side does. With --json, events are told on stderr.`,
		Example: `  caracal pipe --listen video | ffplay -              # here
  ffmpeg … -f mpegts - | caracal pipe laptop:video    # there
  printf 'GET / HTTP/1.0\r\n\r\n' | caracal pipe kitchen:web`,
		RunE: func(cmd *cobra.Command, args []string) error {
			listen := cmd.Flags().Changed("listen")
			switch {
			case listen && len(args) > 0:
				return misused(cmd, "PEER and --listen exclude each other")
			case !listen && len(args) != 1:
				return exactly(1)(cmd, args)
			case !listen && to != nil:
				return misused(cmd, "--to goes with --listen")
			}
			n, err := c.node()
			if err != nil {
				return err
			}
			if listen {
				return c.pipeListen(cmd.Context(), n, client.Offer{Service: name, To: to, About: "a pipe"})
			}
			peer, service := splitTarget(args[0])
			if service == "" {
				service = defaultPipe
			}
			t, err := dialTelling(cmd.Context(), n, peer, service, false, func(why string) {
				c.event(tunnelLine{Schema: client.SchemaPipe, Event: "waiting", Service: service, Reason: why})
				if !c.json {
					c.say("waiting: %s …\n", why)
				}
			})
			if err != nil {
				return err
			}
			return c.join(cmd.Context(), t, service)
		},
	}
	cmd.Flags().StringVar(&name, "listen", "", "wait for a peer to come to NAME")
	cmd.Flags().StringSliceVar(&to, "to", nil, "only these peers may come")
	return cmd
}

// splitTarget splits PEER:NAME; the peer may be a SID or a name, and has no colon.
func splitTarget(text string) (peer, service string) {
	peer, service, _ = strings.Cut(text, ":")
	return peer, service
}

// pipeListen waits for the first who comes.
func (c *command) pipeListen(ctx context.Context, n *client.Client, o client.Offer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	came := make(chan client.Incoming, 64)
	ended := make(chan error, 1)
	go func() {
		ended <- n.Expose(ctx, o, func(i client.Incoming) {
			select {
			case came <- i:
			default: // nobody wants more than one
			}
		})
	}()
	for {
		select {
		case err := <-ended:
			return err
		case i := <-came:
			switch i.Event {
			case "listening":
				c.event(tunnelLine{Schema: client.SchemaPipe, Event: i.Event, Service: o.Service})
				if st, err := n.Status(ctx); err == nil && !c.json {
					c.say("waiting for: caracal pipe %s:%s\n", client.Printable(st.Self.Name), client.Printable(o.Service))
				}
			case "denied":
				c.say("%s is not let in (--to)\n", i.Name)
			case "open":
				t, err := n.Take(ctx, i.ID)
				if err != nil {
					return err
				}
				cancel() // no further ones
				<-ended
				return c.join(context.WithoutCancel(ctx), t, o.Service)
			}
		}
	}
}

// event tells a pipe's event on stderr, for those who want JSON.
func (c *command) event(l tunnelLine) {
	if c.json {
		writeLine(c.err, l)
	}
}

// join carries stdin to the tube and the tube to stdout.
func (c *command) join(ctx context.Context, t *client.Tube, service string) error {
	defer t.Close()
	stop := context.AfterFunc(ctx, func() { t.Close() })
	defer stop()
	l := tunnelLine{Schema: client.SchemaPipe, Event: "open", SID: t.Peer, Name: t.Name, Service: service}
	c.event(l)
	in := make(chan error, 1)
	go func() {
		n, err := io.Copy(t, os.Stdin)
		l.Sent = n
		if err == nil {
			err = t.CloseWrite()
		}
		in <- err
	}()
	n, err := io.Copy(c.out, t)
	l.Received = n
	if err != nil {
		return c.joinError(ctx, t, err)
	}
	if isTerminal(os.Stdin) {
		_ = t.CloseWrite()
	} else if err := <-in; err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			_ = t.Fail(client.Errorf(client.Failed, "its stdin cannot be read"))
			return fail(client.Failed, "cannot read stdin: %v", path.Err)
		}
	}
	if err := t.Finish(); err != nil {
		return c.joinError(ctx, t, err)
	}
	l.Event = "closed"
	c.event(l)
	return nil
}

// joinError tells why a pipe broke.
func (c *command) joinError(ctx context.Context, t *client.Tube, err error) error {
	var told *client.Error
	var path *os.PathError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &told):
		return told
	case errors.As(err, &path):
		_ = t.Fail(client.Errorf(client.Failed, "its stdout is closed"))
		return fail(client.Failed, "cannot write to stdout: %v", path.Err)
	}
	return fail(client.NotRunning, "caracal stopped in the middle. Start it with: caracal up")
}

// sizes shows what was carried.
func sizes(sent, received int64) string {
	return "↑ " + share.Size(sent) + " ↓ " + share.Size(received)
}
