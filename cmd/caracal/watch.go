package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/share"
)

func (c *command) watch() *cobra.Command {
	var span time.Duration
	cmd := &cobra.Command{
		Use: "watch [KIND…]", Short: "What happens, as it happens: " + strings.Join(client.Kinds, ", "),
		Long: "Print a line for everything that happens at the node, until Ctrl-C or for the time of --for. KIND is any of " + strings.Join(client.Kinds, ", ") + "; without one, all but log.\n" +
			"Who reads too slowly loses events, and is told how many.",
		Example:   "  caracal watch\n  caracal watch peer route\n  caracal watch transfer --json | jq -r 'select(.event==\"waiting\") | .what'",
		ValidArgs: client.Kinds,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, a := range args {
				if !slices.Contains(client.Kinds, a) {
					return misused(cmd, fmt.Sprintf("\"%s\" is none of %s", client.Printable(a), strings.Join(client.Kinds, ", ")))
				}
			}
			if len(args) == 0 {
				args = slices.DeleteFunc(slices.Clone(client.Kinds), func(k string) bool { return k == client.KindLog })
			}
			n, err := c.node()
			if err != nil {
				return err
			}
			ctx, cancel := cmd.Context(), func() {}
			if span != 0 {
				ctx, cancel = context.WithTimeout(ctx, span)
			}
			defer cancel()
			if err = n.Watch(ctx, args, c.showEvent); span != 0 && errors.Is(err, context.DeadlineExceeded) {
				return nil
			}
			return err
		},
	}
	cmd.Flags().DurationVar(&span, "for", 0, "end after this time, such as 30s (default: at Ctrl-C)")
	return cmd
}

// showEvent prints one event.
func (c *command) showEvent(e client.Event) {
	switch {
	case c.json:
		c.line(e)
	case e.Kind == client.KindWatch && e.Event == "lost":
		c.say("%d events were lost: this terminal was too slow\n", e.Lost)
	case e.Kind == client.KindWatch && e.Event == "start":
		c.say("watching; Ctrl-C to stop\n")
	case e.Kind != client.KindWatch:
		c.printf("%s %-8s %s\n", e.Time.Local().Format("15:04:05"), e.Kind, eventText(&e))
	}
}

// eventText tells an event in a line. It is what the page shows, too.
func eventText(e *client.Event) string {
	who := fmt.Sprintf("%-10s ", callIt(e.Name, e.SID))
	switch e.Kind {
	case client.KindLog:
		return fmt.Sprintf("%-10s %s", e.Event, client.Printable(e.Text))
	case client.KindLink:
		if e.Event == "reach" {
			return reachText[e.Reason]
		}
		return fmt.Sprintf("%-10s %s", client.Printable(e.Link), e.Event)
	case client.KindRoute:
		return who + routeText(e)
	case client.KindTransfer:
		return who + transferText(e)
	}
	at := strings.TrimSpace(client.Printable(e.Link) + " " + e.Addr)
	switch e.Event {
	case "up":
		return who + "direct " + at
	case "suspect":
		return who + "does not answer " + at
	case "down":
		if e.Reason == "left" {
			return who + "was stopped, and said so"
		}
		return who + "no neighbour any more (" + inWords(e.Reason) + ")"
	case "path":
		return who + "now over " + at + " (" + inWords(e.Reason) + ")"
	case "appeared":
		return who + "is there, " + way(e)
	}
	if e.Reason == "left" {
		return who + "has left"
	}
	return who + "has left, or cannot be reached"
}

func routeText(e *client.Event) string {
	switch {
	case e.Event == "gone":
		return "no route"
	case e.HopsBefore != 0 && e.HopsBefore != e.Hops:
		return fmt.Sprintf("%d → %s", e.HopsBefore, way(e))
	}
	return way(e)
}

// way is the length of a route and its first hop.
func way(e *client.Event) string {
	if e.Via == e.SID {
		return hops(e.Hops)
	}
	return hops(e.Hops) + " via " + callIt(e.ViaName, e.Via)
}

func transferText(e *client.Event) string {
	arrow := "→"
	if e.Direction == client.Inward {
		arrow = "←"
	}
	text := fmt.Sprintf("%s %s (%s)  %s", arrow, client.Printable(e.What), share.Size(e.Total), e.Event)
	if e.Event == string(share.Progress) && e.Total > 0 {
		text = fmt.Sprintf("%s %s  %d %%, %s/s", arrow, client.Printable(e.What), 100*e.Bytes/e.Total, share.Size(int64(e.Rate)))
	}
	if e.Text != "" {
		text += ": " + client.Printable(firstLine(e.Text))
	}
	return text
}

// inWords is a reason as people read it.
func inWords(reason string) string {
	return strings.ReplaceAll(client.Printable(reason), "-", " ")
}

// reachText tells how far this machine gets.
var reachText = map[string]string{
	"no-link": "no network: no interface in use has an address",
	"captive": "nobody outside answers: UDP is blocked on the way, or this network wants a login first",
	"ok":      "somebody outside answers",
	"":        "nobody outside is configured or met",
}
