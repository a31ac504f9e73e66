package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
)

// downLimit is how long a node may take to end.
const downLimit = 15 * time.Second

func (c *command) down() *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "Stop the node", Args: exactly(0),
		Long: "Stop the node. What it still has to deliver has a second for that; its neighbours are told, and go other ways at once.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			st, err := n.Status(ctx)
			if err != nil {
				return err
			}
			if err := n.Down(ctx); err != nil {
				return err
			}
			for end := time.Now().Add(downLimit); n.Running(ctx) || alive(st.Self.PID); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(end) {
					return fail(client.Failed, "the node (pid %d) does not end", st.Self.PID)
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
			}
			c.done("stopped\n")
			return nil
		},
	}
}
