package main

import (
	crand "crypto/rand"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/sid/keyring"
)

func (c *command) network() *cobra.Command {
	cmd := &cobra.Command{Use: "network", Short: "Private meshes: make a network key"}
	cmd.AddCommand(&cobra.Command{
		Use: "new FILE", Short: "Write a new network key to a file that does not exist yet", Args: exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var key [32]byte
			crand.Read(key[:])
			defer clear(key[:])
			if err := host.NewSecretFile(args[0], keyring.MarshalNetworkKey(key)); err != nil {
				return cannotWrite(args[0], err)
			}
			shown := client.Printable(args[0])
			c.done("wrote %s. Copy it to the other members, and start each with: caracal up --network-key-file %s\n", shown, shown)
			return nil
		},
	})
	return cmd
}
