package main

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
)

func (c *command) nameVerb() *cobra.Command {
	return &cobra.Command{
		Use: "name PEER NAME", Short: "Give a peer a name of your own", Args: exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			doc, err := n.Name(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if c.json {
				return c.document(doc)
			}
			c.done("%s is now called %s\n", short(doc.SID), client.Printable(doc.Name))
			return nil
		},
	}
}

func (c *command) forget() *cobra.Command {
	return &cobra.Command{
		Use: "forget PEER", Short: "Take a peer's name away", Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			doc, err := n.Forget(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if c.json {
				return c.document(doc)
			}
			c.done("%s has no name any more\n", short(doc.SID))
			return nil
		},
	}
}

func (c *command) versionVerb() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "The program's version", Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			v := client.Version{
				Schema: client.SchemaVersion, Version: version,
				Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
			}
			if c.json {
				return c.document(v)
			}
			c.printf("caracal %s %s %s\n", v.Version, v.System, v.Go)
			return nil
		},
	}
}
