package main

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
)

func (c *command) expose() *cobra.Command {
	var o client.Offer
	cmd := &cobra.Command{
		Use: "expose NAME LOCAL", Short: "Offer a service of this machine to peers", Args: exactly(2),
		Long: `Offer a service of this machine to peers under a name, for as long as this command runs. LOCAL is a port of 127.0.0.1
or HOST:PORT. Everybody in the mesh may use it, unless --to names those who may: a peer is known by its key, not by an
address. With --udp, each flow has a socket of its own here; it ends after 2 minutes of silence.`,
		Example: "  caracal expose web 8080 --to laptop\n  caracal expose dns 192.168.1.1:53 --udp",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			o.Service = args[0]
			e := exposing{tunnel: c.newTunnel(n, client.SchemaExpose), offer: o, local: localAddress(args[1])}
			if err := checkLocal(cmd, e.local); err != nil {
				return err
			}
			return e.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.Datagrams, "udp", false, "datagrams, not connections")
	flags.StringSliceVar(&o.To, "to", nil, "only these peers may use it")
	flags.StringVar(&o.About, "about", "", "what to tell peers of it")
	flags.BoolVar(&o.Hidden, "hidden", false, "do not list it to peers")
	return cmd
}

// An exposing offers one service.
type exposing struct {
	*tunnel
	offer client.Offer
	local string
}

func (e *exposing) run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	err := e.n.Expose(ctx, e.offer, func(i client.Incoming) {
		switch i.Event {
		case "listening":
			e.listening()
		case "denied":
			e.tell(tunnelLine{Event: "denied", SID: i.SID, Name: i.Name, Service: e.offer.Service})
		case "open":
			if !e.enter() {
				return // the node tells the peer in 10 s
			}
			all.Go(func() {
				defer e.exit()
				e.came(ctx, i)
			})
		}
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (e *exposing) listening() {
	if e.c.json {
		e.tell(tunnelLine{Event: "listening", Listen: e.local, Service: e.offer.Service})
		return
	}
	whom := "everybody"
	if e.offer.To != nil {
		whom = client.Printable(strings.Join(e.offer.To, ", "))
	}
	e.c.done("exposing %s → %s for %s.  Ctrl-C to stop\n", client.Printable(e.offer.Service), client.Printable(e.local), whom)
}

// dialLocal bounds how long the service of this machine may take to answer.
const dialLocal = 5 * time.Second

// came joins one stream with the service.
func (e *exposing) came(ctx context.Context, i client.Incoming) {
	line := tunnelLine{Conn: int(e.number.Add(1)), SID: i.SID, Name: i.Name, Service: e.offer.Service}
	t, err := e.n.Take(ctx, i.ID)
	if err != nil {
		e.ended(line, err)
		return
	}
	network := "tcp"
	if e.offer.Datagrams {
		network = "udp"
	}
	conn, err := (&net.Dialer{Timeout: dialLocal}).DialContext(ctx, network, e.local)
	if err != nil {
		_ = t.Fail(client.Errorf(client.Failed, "the service does not answer"))
		t.Close()
		e.ended(line, client.Errorf(client.Failed, "nothing answers at %s: %s", client.Printable(e.local), plainly(err)))
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		e.join(ctx, tcp, t, line)
		return
	}
	defer conn.Close() // ends what reads from it
	e.joinDatagrams(ctx, t, line, conn.Read, func(p []byte) error {
		_, err := conn.Write(p)
		return err
	})
}
