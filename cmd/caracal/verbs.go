package main

import "github.com/spf13/cobra"

// machineVerbs are the verbs about this machine and about why things are as they are.
func (c *command) machineVerbs() []*cobra.Command {
	return append([]*cobra.Command{c.config(), c.doctor(), c.initVerb(), c.man(), c.service(), c.why()}, c.natVerbs()...)
}
