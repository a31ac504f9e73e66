package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
)

func (c *command) ping() *cobra.Command {
	var count int
	var interval time.Duration
	cmd := &cobra.Command{
		Use: "ping PEER", Short: "Ask a peer for a sign of life", Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			var sum client.Ping
			err = n.Ping(cmd.Context(), args[0], count, interval, func(p client.Ping) {
				if p.Event == "summary" {
					sum = p
				}
				if c.json {
					if p.Event != "start" {
						c.line(p)
					}
					return
				}
				c.pingText(&p)
			})
			if err != nil {
				return err
			}
			if sum.Received == 0 {
				return exit(client.NoReply)
			}
			return nil
		},
	}
	cmd.Flags().IntVarP(&count, "count", "c", 4, "how often")
	cmd.Flags().DurationVarP(&interval, "interval", "i", time.Second, "how long between two")
	return cmd
}

func (c *command) pingText(p *client.Ping) {
	switch p.Event {
	case "start":
		c.printf("PING %s %s, %d bytes, encrypted and authenticated\n", p.Name, short(p.SID), host.PingSize)
	case "reply":
		way := hops(p.Hops) + "  direct"
		if p.ViaName != "" {
			way = hops(p.Hops) + " via " + p.ViaName
		}
		if p.Hops == 0 {
			way = "this node"
		} else if p.Link != "" {
			way += " (" + client.Printable(p.Link) + ")"
		}
		c.printf("reply %-3d %6.1f ms   %s\n", p.Seq, p.RTT, way)
	case "lost":
		c.printf("lost  %-3d %s\n", p.Seq, p.Reason)
	case "summary":
		c.printf("%d sent, %d received, %s loss", p.Sent, p.Received, percent(p.Loss))
		if p.Received > 0 {
			c.printf(", min/avg/max %.1f/%.1f/%.1f ms", p.Min, p.Avg, p.Max)
		}
		c.printf("\n")
	}
}

func (c *command) trace() *cobra.Command {
	var mtr bool
	var rounds int
	var interval time.Duration
	cmd := &cobra.Command{
		Use: "trace PEER", Short: "The way to a peer, hop by hop", Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if mtr {
				return c.mtr(cmd, args[0], rounds, interval)
			}
			n, err := c.node()
			if err != nil {
				return err
			}
			t, err := n.Trace(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if c.json {
				err = c.document(t)
			} else {
				c.traceText(&t)
			}
			if err == nil && !t.Complete {
				return exit(client.NoReply)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&mtr, "mtr", false, "in rounds: loss of every link in both directions, and how the round trips vary")
	cmd.Flags().IntVarP(&rounds, "count", "c", 10, "rounds, with --mtr")
	cmd.Flags().DurationVarP(&interval, "interval", "i", time.Second, "how long between two")
	return cmd
}

func (c *command) traceText(t *client.Trace) {
	c.printf("trace to %s %s: %s\n", t.Name, short(t.SID), hops(len(t.Hops)))
	if len(t.Hops) == 0 && t.Complete {
		return // ourselves
	}
	rows := table{{" #", "NODE", "SID", "LINK", "LOSS", "RTT"}}
	for i, h := range t.Hops {
		answer := rtt(h.RTT)
		if h.RTT == 0 {
			answer = "no answer"
		}
		rows.add(fmt.Sprintf("%2d", i+1), named(h.Name), short(h.SID), client.Printable(h.Link)+" "+h.Kind, percent(h.Loss), answer)
	}
	rows.print(c)
	if t.Own != nil {
		c.printf("this node's own way: %s\n", t.Own.Text)
	}
	if t.Reason != "" {
		c.printf("the trace ends here: %s\n", t.Reason)
	}
}
