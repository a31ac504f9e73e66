package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
)

func (c *command) why() *cobra.Command {
	return &cobra.Command{
		Use: "why PEER", Short: "Why packets to a peer go the way they go", Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			w, err := n.Why(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if c.json {
				err = c.document(w)
			} else {
				c.whyText(&w)
			}
			if err == nil && w.Via == "" {
				return exit(client.NoReply)
			}
			return err
		},
	}
}

func (c *command) whyText(w *client.Why) {
	use := "no way to it"
	switch {
	case w.Via == w.SID && w.Hops == 0:
		c.printf("%s %s is this node itself\n", w.Name, short(w.SID))
		return
	case w.Via == w.SID:
		use = "in use: direct over " + client.Printable(w.Link) + " (" + w.Addr + ")"
	case w.Via != "":
		use = fmt.Sprintf("in use: via %s (%s), over %s", w.ViaName, hops(w.Hops), client.Printable(w.Link))
	}
	since := w.Since
	if w.Own != nil {
		since = w.Own.For
		if w.Own.Reason == "back" {
			since = -1 // that counts from the last packet
		}
	}
	if since >= 0 {
		use += ", for " + span(since)
	}
	c.printf("%s %s — %s\n", w.Name, short(w.SID), use)
	if w.Own != nil {
		c.printf("  a way of this node's own, over %s: %s\n", strings.Join(w.Own.Names, ", "), w.Own.Text)
	}
	t := table{{"  CANDIDATE", "STATE", "DISTANCE", "REASON"}}
	for _, one := range w.Candidates {
		who := "direct"
		if one.Via != w.SID {
			who = "via " + one.ViaName
		}
		distance := "–"
		if one.Distance > 0 {
			distance = fmt.Sprint(one.Distance)
		}
		t.add("  "+strings.TrimSpace(who+", "+client.Printable(one.Link)+" "+one.Addr), strings.ReplaceAll(one.State, "-", " "), distance, one.Reason)
	}
	if len(t) > 1 {
		t.print(c)
	} else if w.Since < 0 {
		c.printf("  It was not heard of since this node started. Is it running? Then, here and there: caracal doctor\n")
	} else {
		c.printf("  No neighbour leads there now. It is tried again as soon as one does.\n")
	}
	if w.NoDirect != "" {
		c.printf("no direct path: %s\n", client.Printable(w.NoDirect))
	}
	if w.Change.Ago >= 0 {
		of := ""
		if w.Own != nil {
			of = " of the route"
		}
		c.printf("last change%s: %s ago, %s\n", of, span(w.Change.Ago), w.Change.Text)
	}
}

// mtr traces in rounds.
func (c *command) mtr(cmd *cobra.Command, peer string, rounds int, interval time.Duration) error {
	n, err := c.node()
	if err != nil {
		return err
	}
	drawn := 0
	var last client.MTR
	err = n.MTR(cmd.Context(), peer, rounds, interval, func(m client.MTR) {
		last = m
		switch {
		case c.json:
			c.line(m)
		case m.Event == "summary" && drawn == 0:
			c.mtrText(&m)
		case isTerminal(c.out) && m.Event == "round":
			if drawn > 0 {
				c.printf("\x1b[%dA\x1b[J", drawn)
			}
			drawn = c.mtrText(&m)
		}
	})
	if err != nil {
		return err
	}
	if k := len(last.Hops); k == 0 || last.Hops[k-1].SID != last.SID || last.Hops[k-1].Received == 0 {
		return exit(client.NoReply)
	}
	return nil
}

// mtrText prints the table, and tells how many lines it has.
func (c *command) mtrText(m *client.MTR) (lines int) {
	c.printf("trace to %s %s: %s, %s, loss forward / back\n", m.Name, short(m.SID), hops(len(m.Hops)), counted(m.Round, "round"))
	t := table{{" #", "NODE", "LINK", "LOSS f/b", "RTT avg", "best", "worst", "ANSWERS", ""}}
	for i, h := range m.Hops {
		back := "–"
		if h.Back >= 0 {
			back = percent(h.Back)
		}
		mark := ""
		if i+1 == m.Worst {
			mark = "← most loss is here"
		}
		t.add(fmt.Sprintf("%2d", i+1), h.Name, client.Printable(h.Link)+" "+h.Kind, percent(h.Forward)+" / "+back,
			rtt(h.Avg), rtt(h.Best), rtt(h.Worst), fmt.Sprintf("%d/%d", h.Received, h.Sent), mark)
	}
	t.print(c, "ANSWERS", "worst", "best")
	return len(t) + 1
}
