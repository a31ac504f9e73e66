package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api"
	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/sid"
)

func (c *command) id() *cobra.Command {
	var code bool
	cmd := &cobra.Command{
		Use: "id", Short: "This node's identity, and others of yours", Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			id, err := c.primary(cmd.Context())
			if err != nil {
				return err
			}
			switch {
			case c.json:
				return c.document(id)
			case code:
				return c.qr("CARACAL:" + strings.ToUpper(id.SID))
			}
			t := table{}
			t.add(dash(client.Printable(id.Name)), id.SID)
			t.add("", id.Base32)
			t.print(c)
			return nil
		},
	}
	cmd.Flags().BoolVar(&code, "qr", false, "show it as a QR code")
	cmd.AddCommand(c.idNew(), c.idList(), c.idLock(), c.idUnlock(), c.idExport(), c.idImport(), c.idPassphrase())
	return cmd
}

// primary is the node's own identity, also while it does not run.
func (c *command) primary(ctx context.Context) (client.ID, error) {
	n, err := c.node()
	if err != nil {
		return client.ID{}, err
	}
	id, err := n.ID(ctx)
	if !notRunning(err) {
		return id, err
	}
	keys, e := c.listOffline()
	if e != nil || len(keys.Identities) == 0 || !keys.Identities[0].Primary {
		return id, err
	}
	k := keys.Identities[0]
	s, e := sid.Parse(k.SID)
	return client.ID{Schema: client.SchemaID, SID: k.SID, Base32: s.Base32(), Name: k.Label}, e
}

func notRunning(err error) bool {
	var told *client.Error
	return errors.As(err, &told) && told.Code == client.NotRunning
}

// listOffline reads the keyring without a node, and makes nothing.
func (c *command) listOffline() (client.Identities, error) {
	dir, _, err := c.homeDir()
	if err != nil {
		return client.Identities{}, err
	}
	return api.Keys{Ring: host.KeyringAt(dir)}.List()
}

// change does something with the keyring: in the running node, or without one.
func (c *command) change(ctx context.Context, what string, ask client.KeyRequest) (client.Identities, error) {
	defer ask.Erase()
	n, err := c.node()
	if err != nil {
		return client.Identities{}, err
	}
	ids, err := n.ChangeKeys(ctx, what, ask)
	if !notRunning(err) {
		return ids, err
	}
	if what == "unlock" {
		return ids, err
	}
	err = c.offline(func(k api.Keys) (err error) {
		do := map[string]func(client.KeyRequest) (client.Identities, error){
			"new": k.New, "import": k.Import, "lock": k.Lock, "passphrase": k.Passphrase,
		}[what]
		ids, err = do(ask)
		return err
	})
	return ids, err
}

// offline opens the keyring of a home where no node runs.
func (c *command) offline(f func(api.Keys) error) error {
	dir, _, err := c.homeDir()
	if err != nil {
		return err
	}
	ring, closed, err := host.OpenKeyring(dir)
	if err != nil {
		return startError(host.Config{Home: dir}, err)
	}
	defer closed()
	return f(api.Keys{Ring: ring})
}

// export gives a key file, in the running node or without one.
func (c *command) export(ctx context.Context, ask client.KeyRequest) (client.KeyFile, error) {
	defer ask.Erase()
	n, err := c.node()
	if err != nil {
		return client.KeyFile{}, err
	}
	file, err := n.ExportKey(ctx, ask)
	if notRunning(err) {
		err = c.offline(func(k api.Keys) (err error) {
			file, err = k.Export(ask)
			return err
		})
	}
	return file, err
}

// keyring lists it, in the running node or without one.
func (c *command) keyring(ctx context.Context) (client.Identities, error) {
	n, err := c.node()
	if err != nil {
		return client.Identities{}, err
	}
	ids, err := n.Identities(ctx)
	if notRunning(err) {
		return c.listOffline()
	}
	return ids, err
}
