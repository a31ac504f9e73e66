package main

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
)

// passphraseFlag is the flag of verbs that need a passphrase.
const passphraseFlag = "--passphrase-file"

func secretFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, passphraseFlag[2:], "", "file with the passphrase, \"-\" = stdin (default: asked at the terminal)")
}

func (c *command) idNew() *cobra.Command {
	var ask client.KeyRequest
	var seal bool
	var file string
	cmd := &cobra.Command{
		Use: "new", Short: "Make an identity; the first one becomes the node's own", Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if seal || file != "" {
				if ask.Passphrase, err = c.newPassphrase(cmd.Context(), file, passphraseFlag); err != nil {
					return err
				}
			}
			ids, err := c.change(cmd.Context(), "new", ask)
			return c.changed(ids, err, "is new")
		},
	}
	cmd.Flags().StringVar(&ask.Label, "label", "", "what you call it; never told to others")
	cmd.Flags().BoolVar(&seal, "passphrase", false, "protect it with a passphrase")
	secretFlag(cmd, &file)
	return cmd
}

func (c *command) idList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Your identities, the node's own first", Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ids, err := c.keyring(cmd.Context())
			if err != nil {
				return err
			}
			if ids.Problem != "" {
				c.say("%s\n", ids.Problem)
			}
			if c.json {
				return c.document(ids)
			}
			if len(ids.Identities) == 0 {
				c.say("no identity yet. Make one: caracal id new (or caracal up)\n")
				return nil
			}
			t := table{{"LABEL", "SID", "STATE", "PASSPHRASE", "CREATED"}}
			for _, id := range ids.Identities {
				t.add(labelled(id), id.SID, id.State, yesNo(id.Sealed), dash(firstPart(id.Created, 10)))
			}
			t.print(c, "CREATED", "PASSPHRASE")
			return nil
		},
	}
}

// labelled is how an identity is called in a list.
func labelled(id client.Identity) string {
	switch {
	case id.Primary && id.Label == "":
		return "(this node)"
	case id.Primary:
		return client.Printable(id.Label) + " (this node)"
	}
	return dash(client.Printable(id.Label))
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func firstPart(s string, n int) string { return s[:min(n, len(s))] }

func (c *command) idLock() *cobra.Command {
	return &cobra.Command{
		Use: "lock ID", Short: "Stop using an identity until it is unlocked; its keys leave the memory", Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := c.change(cmd.Context(), "lock", client.KeyRequest{ID: args[0]})
			return c.changed(ids, err, "is locked")
		},
	}
}

func (c *command) idUnlock() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "unlock ID", Short: "Use an identity: the running node lives under it too", Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			if _, err := n.ID(cmd.Context()); err != nil { // before a passphrase is typed
				return err
			}
			ask := client.KeyRequest{ID: args[0]}
			if ask.Passphrase, err = c.passphrase(cmd.Context(), file, passphraseFlag, "Passphrase: "); err != nil {
				return err
			}
			ids, err := c.change(cmd.Context(), "unlock", ask)
			return c.changed(ids, err, "is unlocked")
		},
	}
	secretFlag(cmd, &file)
	return cmd
}

func (c *command) idExport() *cobra.Command {
	var ask client.KeyRequest
	var file, out string
	cmd := &cobra.Command{
		Use: "export ID", Short: "Write an identity to a file, sealed with its passphrase or a new one", Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ask.ID = args[0]
			got, err := c.exported(cmd, ask, file)
			switch {
			case err != nil:
				return err
			case c.json && out == "":
				return c.document(got)
			case out == "":
				c.printf("%s", got.File)
				return nil
			}
			if err := host.NewSecretFile(out, []byte(got.File)); err != nil {
				return cannotWrite(out, err)
			}
			c.done("%s is exported to %s\n", short(got.SID), client.Printable(out))
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "the file, which must not exist (default: standard output)")
	cmd.Flags().BoolVar(&ask.Plain, "plain", false, "without a passphrase: who has the file has the identity")
	secretFlag(cmd, &file)
	return cmd
}

// exported gets the key file, and the passphrase if one is needed.
func (c *command) exported(cmd *cobra.Command, ask client.KeyRequest, file string) (client.KeyFile, error) {
	var err error
	if file != "" {
		if ask.Passphrase, err = readSecret(file); err != nil {
			return client.KeyFile{}, err
		}
	}
	got, err := c.export(cmd.Context(), ask)
	var told *client.Error
	if file != "" || !errors.As(err, &told) || told.Code != client.Usage {
		return got, err
	}
	if ask.Plain {
		ask.Passphrase, err = c.passphrase(cmd.Context(), "", passphraseFlag, "Passphrase: ")
	} else {
		ask.Passphrase, err = c.newPassphrase(cmd.Context(), "", passphraseFlag)
	}
	if err != nil {
		return got, err
	}
	return c.export(cmd.Context(), ask)
}

func cannotWrite(path string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fail(client.Failed, "%s exists already. Nothing was written.", client.Printable(path))
	}
	return fail(client.Failed, "cannot write %s", plain(err))
}

func (c *command) idImport() *cobra.Command {
	var ask client.KeyRequest
	var seal bool
	var file string
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Take an identity from a file (\"-\" = stdin): one exported, or Serval's", Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if ask.File, err = importFile(args[0]); err != nil {
				return err
			}
			if seal || file != "" {
				if ask.Passphrase, err = c.newPassphrase(cmd.Context(), file, passphraseFlag); err != nil {
					return err
				}
			}
			ids, err := c.change(cmd.Context(), "import", ask)
			return c.changed(ids, err, "is imported")
		},
	}
	cmd.Flags().BoolVar(&ask.Serval, "serval", false, "the file is a seed of Serval DNA (64 hex digits), or: servald keyring dump --secret")
	cmd.Flags().StringVar(&ask.Label, "label", "", "with --serval: what you call it")
	cmd.Flags().BoolVar(&seal, "passphrase", false, "protect it with a passphrase, if the file is not sealed already")
	secretFlag(cmd, &file)
	return cmd
}

// maxImport is the most bytes of an imported file, a Serval dump.
const maxImport = 512 << 10

func importFile(path string) ([]byte, error) {
	in := os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, secretError(path, err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxImport+1))
	if err == nil && len(data) > maxImport {
		return nil, fail(client.Failed, "%s is too long to be an identity", client.Printable(path))
	}
	return data, secretError(path, err)
}

func (c *command) idPassphrase() *cobra.Command {
	var old, file string
	var remove bool
	cmd := &cobra.Command{
		Use: "passphrase ID", Short: "Give an identity a passphrase, or another one", Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ask, err := c.reseal(cmd, args[0], old, file, remove)
			if err != nil {
				return err
			}
			ids, err := c.change(cmd.Context(), "passphrase", ask)
			what := "has a new passphrase"
			if remove {
				what = "has no passphrase any more"
			}
			return c.changed(ids, err, what)
		},
	}
	secretFlag(cmd, &old)
	cmd.Flags().Lookup(passphraseFlag[2:]).Usage = "file with the present passphrase, \"-\" = stdin (default: asked at the terminal)"
	cmd.Flags().StringVar(&file, "new-passphrase-file", "", "file with the new passphrase")
	cmd.Flags().BoolVar(&remove, "remove", false, "leave it without one")
	return cmd
}

// reseal asks for what is needed to change a passphrase.
func (c *command) reseal(cmd *cobra.Command, id, old, file string, remove bool) (ask client.KeyRequest, err error) {
	ask.ID = id
	ids, err := c.keyring(cmd.Context())
	if err != nil {
		return ask, err
	}
	if c.mayBeSealed(ids, id) || old != "" {
		if ask.Passphrase, err = c.passphrase(cmd.Context(), old, passphraseFlag, "Present passphrase: "); err != nil {
			return ask, err
		}
	}
	if !remove {
		ask.NewPassphrase, err = c.newPassphrase(cmd.Context(), file, "--new-passphrase-file")
	}
	return ask, err
}

// mayBeSealed reports whether whoever is meant has a passphrase.
func (c *command) mayBeSealed(ids client.Identities, text string) bool {
	for _, id := range ids.Identities {
		meant := text == id.Label || (text == "." && id.Primary) || (len(text) >= 4 && len(text) <= len(id.SID) && text == id.SID[:len(text)])
		if id.Sealed && meant {
			return true
		}
	}
	return false
}

// changed tells what became of identities.
func (c *command) changed(ids client.Identities, err error, what string) error {
	if err != nil {
		return err
	}
	if c.json {
		return c.document(ids)
	}
	for _, id := range ids.Identities {
		name := short(id.SID)
		if id.Label != "" {
			name = client.Printable(id.Label) + " (" + name + ")"
		}
		if c.quiet {
			continue
		}
		c.printf("%s %s", name, what)
		if what != "is locked" && id.State == client.Locked {
			c.printf(", and locked. To use it: caracal id unlock %s", short(id.SID))
		}
		c.printf("\n")
	}
	return nil
}
