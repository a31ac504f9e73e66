package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/share"
)

func (c *command) services() *cobra.Command {
	return &cobra.Command{
		Use: "services PEER", Short: "What a peer offers", Args: exactly(1),
		Long: "What a peer offers: services of protocol \"bytes\" are for forward, pipe and socks, those of protocol \"datagrams\" for\n" +
			"forward --udp; others are for programs that know them. Hidden ones are not shown.",
		Example: "  caracal services kitchen",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			doc, err := n.Services(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if c.json {
				return c.document(doc)
			}
			if len(doc.Services) == 0 {
				c.say("%s offers nothing that is not hidden\n", doc.Name)
				return nil
			}
			rows := table{{"SERVICE", "PROTOCOL", "ABOUT"}}
			for _, s := range doc.Services {
				rows.add(client.Printable(s.Service), orDash(s.Protocol), client.Printable(s.About))
			}
			rows.print(c)
			return nil
		},
	}
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return client.Printable(s)
}

func (c *command) streams() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use: "streams [PEER]", Short: "The streams that are open, and how they go",
		Long: `The streams that are open, and how they go. PRIO: larger goes first. OUT and IN are the bytes the peer has acknowledged and the
bytes that have come, with those of datagrams sent and taken; UNSENT wait here, UNREAD wait for the program here. ROOM is what
we and the peer grant each other to send now. LINK is how it goes to the peer: "stalled" means that it has not answered for a moment,
"down" for 20 s, "no way" that no route leads there. None of these ends a stream.`,
		Example: "  caracal streams\n  caracal streams kitchen -w",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return exactly(1)(cmd, args)
			}
			n, err := c.node()
			if err != nil {
				return err
			}
			peer := ""
			if len(args) == 1 {
				peer = args[0]
			}
			return c.showStreams(cmd.Context(), n, peer, watch)
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "show it anew every second")
	return cmd
}

// showStreams shows the table once, or until ctx ends.
func (c *command) showStreams(ctx context.Context, n *client.Client, peer string, watch bool) error {
	for {
		doc, err := n.Streams(ctx, peer)
		if err != nil {
			return err
		}
		switch {
		case c.json && watch:
			c.line(doc)
		case c.json:
			return c.document(doc)
		default:
			if watch && isTerminal(c.out) {
				c.printf("\x1b[H\x1b[2J")
			}
			c.streamsText(&doc)
		}
		if !watch {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func (c *command) streamsText(doc *client.Streams) {
	if len(doc.Streams) == 0 {
		c.say("no streams\n")
		return
	}
	rows := table{{"PEER", "ID", "UNDER", "SERVICE", "PRIO", "OUT", "IN", "UNSENT", "UNREAD", "ROOM out/in", "RTT", "LINK"}}
	for _, s := range doc.Streams {
		under := "–"
		if s.Parent != nil {
			under = fmt.Sprint(*s.Parent)
		}
		rows.add(s.Name, fmt.Sprint(s.ID), under, serviceName(&s), fmt.Sprint(s.Priority), size64(s.Acked+s.DatagramsOut), size64(s.Received+s.DatagramsIn),
			size64(s.Unsent), size64(s.Received-min(s.Received, s.Read)), size64(s.MaySend)+"/"+size64(s.MayReceive), rtt(s.RTT), s.Link)
	}
	rows.print(c, "UNDER", "PRIO", "ROOM out/in", "UNREAD", "UNSENT", "RTT")
}

func size64(n uint64) string { return share.Size(int64(n)) }

// serviceName is what a stream was opened to.
func serviceName(s *client.Stream) string {
	switch {
	case s.Service == "":
		return fmt.Sprintf("port %d", s.Port)
	case s.Protocol == "":
		return client.Printable(s.Service)
	}
	return client.Printable(s.Service + " " + s.Protocol)
}
