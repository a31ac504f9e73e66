package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
)

// natVerbs are the verbs about ways through routers.
func (c *command) natVerbs() []*cobra.Command {
	return []*cobra.Command{c.punch(), c.find(), c.register()}
}

// punch opens a direct path now.
func (c *command) punch() *cobra.Command {
	cmd := &cobra.Command{
		Use: "punch PEER", Short: "Open a direct path to a peer through the routers between, now", Args: exactly(1),
		Long: "Open a direct path to a peer that is reached over others. The node does so by itself where there is traffic;\n" +
			"this verb shows how, and does not wait after a failure. With --json each step is a line.",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			var result client.Punch
			err = n.Punch(cmd.Context(), args[0], func(p client.Punch) {
				if p.Event == "result" {
					result = p
				}
				switch {
				case c.json:
					c.line(p)
				case p.Event == "step" && c.verbose > 0:
					c.printf("%6.3f s  %s\n", p.At, p.Text)
				case p.Event == "result" && p.Direct:
					c.done("%s is reached directly\n", p.Name)
				case p.Event == "result":
					c.say("no direct path to %s: %s\n", p.Name, p.Text)
				}
			})
			if err == nil && !result.Direct {
				return exit(client.NoReply)
			}
			return err
		},
	}
	return cmd
}

// natLine tells what stands between this node and the Internet.
func (c *command) natLine(self *client.Self) {
	if self.NATWords != "" {
		c.printf("nat: %s\n\n", strings.TrimSpace(client.Printable(self.NATWords)))
	}
}
