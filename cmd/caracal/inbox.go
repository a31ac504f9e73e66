package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/share"
)

func (c *command) inbox() *cobra.Command {
	cmd := &cobra.Command{
		Use: "inbox", Short: "Files that others sent or want to send", Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			b, err := n.Inbox(cmd.Context())
			if err != nil {
				return err
			}
			if c.json {
				return c.document(b)
			}
			c.inboxText(&b)
			return nil
		},
	}
	cmd.AddCommand(c.decide("accept", true), c.decide("reject", false))
	return cmd
}

func (c *command) inboxText(b *client.Inbox) {
	if len(b.Items) == 0 {
		c.say("nothing was sent here yet\n")
		return
	}
	t := table{{"ID", "FROM", "WHAT", "SIZE", "SINCE", "STATE"}}
	for _, it := range b.Items {
		state := it.State
		switch {
		case state == "waiting":
			state += "  → caracal inbox accept " + it.ID
		case state == "receiving" && it.Size > 0:
			state += fmt.Sprintf("  %d %%, %s/s", 100*it.Bytes/it.Size, share.Size(int64(it.Rate)))
		case state == "interrupted":
			state += ", goes on when it is sent again"
		case state == "accepted":
			state += ", waiting for the sender to come back"
		case it.Path != "":
			state += "  → " + tilde(client.Printable(it.Path))
		case it.Text != "":
			state += ": " + client.Printable(it.Text)
		}
		t.add(it.ID, it.FromName, client.Printable(it.What), share.Size(it.Size), span(time.Since(it.Since).Seconds()), state)
	}
	t.print(c, "SINCE", "SIZE")
}

func (c *command) decide(verb string, accept bool) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ID", Short: map[bool]string{true: "Take an offer", false: "Decline an offer"}[accept], Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			it, err := n.Decide(cmd.Context(), args[0], accept)
			if err != nil {
				return err
			}
			if c.json {
				return c.document(struct {
					Schema string `json:"schema"`
					client.Item
				}{client.SchemaInbox, it})
			}
			c.done("%s %s from %s (%s)\n", it.State, client.Printable(it.What), it.FromName, share.Size(it.Size))
			return nil
		},
	}
}
