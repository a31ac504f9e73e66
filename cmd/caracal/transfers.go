package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/share"
)

func (c *command) transfers() *cobra.Command {
	cmd := &cobra.Command{
		Use: "transfers", Short: "What is being sent, fetched and received", Args: exactly(0),
		Long: `What is being sent (→), fetched and received (←) at this moment. One that is paused goes on with resume, as long as the
command that began it runs. One that is cancelled ends that command; of what was received, nothing is kept.`,
		Example: "  caracal transfers\n  caracal transfers pause t7k2\n  caracal transfers cancel t7k2",
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			doc, err := n.Transfers(cmd.Context())
			if err != nil {
				return err
			}
			if c.json {
				return c.document(doc)
			}
			c.transfersText(&doc)
			return nil
		},
	}
	cmd.AddCommand(
		c.control("pause", "Let a transfer stand still"), c.control("resume", "Let a paused transfer go on"), c.control("cancel", "End a transfer"),
	)
	return cmd
}

func (c *command) transfersText(doc *client.Transfers) {
	if len(doc.Transfers) == 0 {
		c.say("nothing is being sent or received\n")
		return
	}
	t := table{{"ID", "", "PEER", "WHAT", "SIZE", "DONE", "RATE", "STATE"}}
	for _, one := range doc.Transfers {
		arrow := "←"
		if one.Direction == string(share.Sending) {
			arrow = "→"
		}
		done := "100 %"
		if one.Total > 0 {
			done = fmt.Sprintf("%.0f %%", 100*float64(one.Bytes)/float64(one.Total))
		}
		t.add(one.ID, arrow, one.PeerName, client.Printable(one.What), share.Size(one.Total), done, share.Size(int64(one.Rate))+"/s", transferState(&one))
	}
	t.print(c, "RATE", "SIZE")
}

// transferState is the state for people.
func transferState(t *client.TransferLook) string {
	switch share.EventKind(t.State) {
	case share.Progress, share.Accepted, share.Resuming:
		return map[string]string{"send": "sending", "get": "fetching", "receive": "receiving"}[t.Direction]
	case share.Scanned, share.Warning:
		return "asking"
	case share.Waiting:
		return "waiting for " + t.PeerName + " to accept"
	case share.Retrying:
		return "lost " + t.PeerName + ", trying again"
	}
	return client.Printable(t.State)
}

func (c *command) control(verb, about string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ID", Short: about, Args: exactly(1), Example: "  caracal transfers " + verb + " t7k2",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			t, err := n.Control(cmd.Context(), args[0], verb)
			if err != nil {
				return err
			}
			if c.json {
				return c.document(t)
			}
			past := map[string]string{"pause": "paused", "resume": "goes on", "cancel": "cancelled"}[verb]
			c.done("%s  %s (%s): %s\n", t.ID, client.Printable(t.What), t.PeerName, past)
			return nil
		},
	}
}
