package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
)

// everywhere gives every verb what all have: --timeout, and with -v a line about what was done. "up" is
// bounded by itself, and its node shall live on.
func (c *command) everywhere(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		c.everywhere(cmd)
		if cmd.HasSubCommands() && !cmd.Runnable() { // cobra would show the help of a verb that does not exist, and call it well
			cmd.Args = cobra.ArbitraryArgs
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					return noVerb(cmd, args[0])
				}
				return cmd.Help()
			}
		}
		if run := cmd.RunE; run != nil && cmd.Name() != "up" {
			cmd.RunE = func(cmd *cobra.Command, args []string) error { return c.bounded(cmd, args, run) }
		}
	}
}

// bounded runs a verb within the time given.
func (c *command) bounded(cmd *cobra.Command, args []string, run func(*cobra.Command, []string) error) error {
	begun := time.Now()
	if c.timeout < 0 {
		return misused(cmd, "--timeout is negative")
	}
	if c.timeout > 0 {
		ctx, cancel := context.WithTimeout(cmd.Context(), c.timeout)
		defer cancel()
		cmd.SetContext(ctx)
	}
	err := run(cmd, args)
	if home, _, e := c.homeDir(); c.verbose > 0 && e == nil {
		c.say("[%s with the node in %s: %.1f ms]\n", cmd.CommandPath(), client.Printable(tilde(home)), float64(time.Since(begun).Microseconds())/1000)
	}
	return err
}
