package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api"
	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/internal/config"
)

func (c *command) initVerb() *cobra.Command {
	return &cobra.Command{
		Use: "init", Short: "Make the identity and a configuration file, and start nothing", Args: exactly(0),
		Long: "Makes what the first \"caracal up\" would make by itself: the identity; and a configuration file with every value explained.\n" +
			"What is there already stays as it is.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			id, err := c.primary(cmd.Context())
			made := notRunning(err)
			if made {
				if err := c.offline(func(k api.Keys) error { _, err := k.New(client.KeyRequest{}); return err }); err != nil {
					return err
				}
				id, err = c.primary(cmd.Context())
			}
			if err != nil {
				return err
			}
			path, err := c.configPath()
			if err != nil {
				return err
			}
			if _, err := os.Stat(path); os.IsNotExist(err) {
				if err := config.Write(path, config.Template()); os.IsPermission(err) {
					c.say("no configuration file was made, and none is needed: cannot write %s\n", client.Printable(path))
				} else if err != nil {
					return c.cannotWrite(path, err)
				}
			}
			if c.json {
				return c.document(id)
			}
			c.printf("%s\n", id.SID)
			home, _, _ := c.homeDir()
			what := "is there already"
			if made {
				what = "is new"
			}
			c.say("identity %s in %s %s; configuration: %s. Start with: caracal up\n", short(id.SID), client.Printable(tilde(home)), what, client.Printable(tilde(path)))
			return nil
		},
	}
}
