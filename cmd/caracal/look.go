package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"rsc.io/qr"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/share"
)

func (c *command) status() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "One screen: this node, its links, its peers, transfers", Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			st, err := n.Status(cmd.Context())
			if err != nil {
				return err
			}
			if c.json {
				return c.document(st)
			}
			c.statusText(&st)
			return nil
		},
	}
}

func (c *command) statusText(st *client.Status) {
	c.printf("%s  %s  up %s  %s   udp %d\n\n", client.Printable(st.Self.Name), short(st.Self.SID), span(st.Self.Uptime), st.Self.Version, st.Self.Port)
	c.networkLine(st.Self.Network)
	c.natLine(&st.Self)
	t := table{{"LINK", "ADDRESS", "BEACONS tx/rx", "HEARD", "TRAFFIC ↑/↓"}}
	for _, l := range st.Links {
		if l.Index == 0 && l.TxPackets+l.RxPackets == 0 {
			continue // nobody beyond the LAN is spoken to
		}
		t.add(client.Printable(l.Name), strings.Join(ordered(l.Addrs), ", "), fmt.Sprintf("%d/%d", l.TxBeacons, l.RxBeacons), fmt.Sprint(l.Heard),
			share.Size(int64(l.TxBytes))+" / "+share.Size(int64(l.RxBytes)))
	}
	if len(t) > 1 {
		t.print(c, "BEACONS tx/rx", "HEARD")
	} else {
		c.printf("no network yet (it is used as soon as it appears)\n")
	}
	c.printf("\n")
	c.peerTable(st.Peers)
	if len(st.Transfers)+len(st.Receiving)+st.Waiting+len(st.Notes) > 0 {
		c.printf("\n")
	}
	for _, tr := range st.Transfers {
		c.printf("sending %s to %s: %s of %s\n", client.Printable(tr.What), tr.PeerName, share.Size(tr.Bytes), share.Size(tr.Total))
	}
	for _, it := range st.Receiving {
		c.printf("receiving %s from %s: %s of %s\n", client.Printable(it.What), it.FromName, share.Size(it.Bytes), share.Size(it.Size))
	}
	if st.Waiting > 0 {
		c.printf("%d waiting in the inbox: caracal inbox\n", st.Waiting)
	}
	for _, note := range st.Notes {
		c.printf("note: %s\n", client.Printable(note))
	}
}

// networkLine tells that the mesh is private, if it is.
func (c *command) networkLine(network string) {
	if network == host.PrivateNetwork {
		c.printf("network: private (only who has its key can join)\n\n")
	}
}

// peerTable prints peers, or that there are none.
func (c *command) peerTable(list []host.PeerStatus) {
	if len(list) == 0 {
		c.printf("no peers in sight (still listening)\n")
		return
	}
	names := map[string]string{}
	for _, p := range list {
		names[p.SID] = callIt(p.Name, p.SID)
	}
	t := table{{"PEER", "SID", "STATE", "VIA", "HOPS", "RTT", "LOSS", "LAST", "KEYS"}}
	for _, p := range list {
		state, via := p.State, "–"
		if p.State == host.Direct {
			state += " " + p.Link
		}
		if p.Via != "" {
			via = names[p.Via]
		}
		row := []string{named(p.Name), short(p.SID), state, via, fmt.Sprint(p.Hops), rtt(p.RTT), percent(p.Loss), span(p.LastHeard), dash(p.Keys)}
		switch p.State {
		case host.Mesh: // what was measured is of the first link only: caracal routes
			row[5], row[6] = "–", "–"
		case host.Unreachable:
			if p.Left {
				state = "left"
			}
			row = []string{named(p.Name), short(p.SID), state, "–", "–", "–", "–", span(p.LastHeard), "–"}
		}
		if p.Name == "" {
			row = append(row, "caracal name "+short(p.SID)+" NAME")
		}
		t.add(row...)
	}
	t.print(c, "KEYS", "LAST", "LOSS", "VIA", "RTT")
}

func (c *command) peers() *cobra.Command {
	var all, watching bool
	cmd := &cobra.Command{
		Use: "peers", Short: "Who is around, here and behind others", Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			if watching {
				return c.again(cmd.Context(), func() error { return c.showPeers(cmd.Context(), n, all) })
			}
			return c.showPeers(cmd.Context(), n, all)
		},
	}
	cmd.Flags().BoolVarP(&watching, "watch", "w", false, "show it again each second, until Ctrl-C")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also those that cannot be reached now")
	return cmd
}

func (c *command) showPeers(ctx context.Context, n *client.Client, all bool) error {
	p, err := n.Peers(ctx, all)
	if err != nil {
		return err
	}
	if c.json {
		return c.document(p)
	}
	c.networkLine(p.Network)
	c.peerTable(p.Peers)
	return nil
}

// again shows something each second until ctx ends; on a terminal in the same place.
func (c *command) again(ctx context.Context, show func() error) error {
	for {
		if isTerminal(c.out) && !c.json {
			c.printf("\x1b[H\x1b[2J")
		}
		if err := show(); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func (c *command) routes() *cobra.Command {
	return &cobra.Command{
		Use: "routes", Short: "The way to each peer", Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			r, err := n.Routes(cmd.Context())
			if err != nil {
				return err
			}
			if c.json {
				return c.document(r)
			}
			if len(r.Routes) == 0 {
				c.say("no routes: no peers in sight (still listening)\n")
				return nil
			}
			t := table{{"TO", "SID", "VIA", "HOPS", "COST", "LINK", "RTT", "LOSS"}} // the last two are the link's
			for _, e := range r.Routes {
				via := "direct"
				if e.Via != e.SID {
					via = callIt(e.ViaName, e.Via)
				}
				t.add(named(e.Name), short(e.SID), via, fmt.Sprint(e.Hops), fmt.Sprint(e.Distance), e.Link, rtt(e.RTT), percent(e.Loss))
			}
			t.print(c, "COST", "SID", "LOSS", "RTT")
			return nil
		},
	}
}

// qr prints a code of half blocks, dark on light, with its quiet zone.
func (c *command) qr(text string) error {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return err
	}
	const quiet = 2
	for y := -quiet; y < code.Size+quiet; y += 2 {
		var b strings.Builder
		for x := -quiet; x < code.Size+quiet; x++ {
			switch upper, lower := code.Black(x, y), code.Black(x, y+1); {
			case upper && lower:
				b.WriteString(" ")
			case upper:
				b.WriteString("▄")
			case lower:
				b.WriteString("▀")
			default:
				b.WriteString("█")
			}
		}
		c.printf("%s\n", b.String())
	}
	c.printf("%s\n", text)
	return nil
}
