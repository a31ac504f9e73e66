package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/internal/config"
)

func (c *command) config() *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Show, check and change the configuration",
		Long: "A node needs no configuration file. A value is, in this order: the default, what the file says, what the variable\n" +
			"CARACAL_SECTION_KEY says, what a flag of \"up\" says. The file is $CARACAL_CONFIG; else " + systemConfig + " for the node that the\n" +
			"system runs, DIR/config.toml with --home DIR, and ~/.config/caracal/config.toml for your own.",
	}
	cmd.AddCommand(c.configShow(), c.configCheck(), c.configSet(), c.configEdit(), c.configReload())
	return cmd
}

func (c *command) configShow() *cobra.Command {
	var origin bool
	cmd := &cobra.Command{
		Use: "show", Short: "What is configured: by the running node, or for the next start", Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			doc, err := n.Config(cmd.Context())
			if notRunning(err) {
				s, e := c.loadSettings()
				if e != nil {
					return e
				}
				doc, err = s.Show(), nil
			}
			if err != nil {
				return err
			}
			if c.json {
				return c.document(doc)
			}
			c.configText(&doc, origin)
			return nil
		},
	}
	cmd.Flags().BoolVar(&origin, "origin", false, "say of each value where it is from")
	return cmd
}

// configText prints a configuration that could be a file.
func (c *command) configText(doc *client.Config, origin bool) {
	note := ""
	if _, err := os.Stat(doc.File); err != nil {
		note = " (there is none)"
	}
	c.printf("# %s%s\n", client.Printable(tilde(doc.File)), note)
	section, most := "", 0
	lines := make([]string, len(doc.Settings))
	for i, s := range doc.Settings {
		_, key, _ := strings.Cut(s.Key, ".")
		lines[i] = key + " = " + client.Printable(literal(s.Value))
		most = max(most, min(len(lines[i]), 40))
	}
	for i, s := range doc.Settings {
		if table, _, _ := strings.Cut(s.Key, "."); table != section {
			section = table
			c.printf("[%s]\n", section)
		}
		if origin {
			c.printf("%-*s  # %s\n", most, lines[i], client.Printable(tilde(s.Origin)))
		} else {
			c.printf("%s\n", lines[i])
		}
	}
}

// literal writes a value that came through JSON.
func literal(value any) string {
	if list, ok := value.([]any); ok {
		texts := make([]string, len(list))
		for i := range list {
			texts[i] = fmt.Sprint(list[i])
		}
		value = texts
	}
	return config.Literal(value)
}

func (c *command) configCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check [FILE]", Short: "Look for mistakes in a configuration file (exit code 9)", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := c.configPath()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if path, err = filepath.Abs(args[0]); err != nil {
					return err
				}
				if _, err := os.Stat(path); err != nil {
					return fail(client.Failed, "cannot read %s", plain(err))
				}
			}
			if _, err := config.Load(path, os.Getenv); err != nil {
				return badConfig(err)
			}
			c.done("%s is well\n", client.Printable(tilde(path)))
			return nil
		},
	}
}

func (c *command) configSet() *cobra.Command {
	return &cobra.Command{
		Use: "set KEY VALUE", Short: "Change a value in the file", Args: exactly(2),
		Long:    "Changes one value in the configuration file, which is made when there is none; comments stay. A list has commas: a,b.\n\n" + keyHelp(),
		Example: "  caracal config set node.name kitchen\n  caracal config set discovery.peers mesh.example.org,192.168.7.2:4117\n  caracal config set files.accept all",
		RunE: func(_ *cobra.Command, args []string) error {
			key, ok := config.Find(args[0])
			if !ok {
				text := fmt.Sprintf("there is no key \"%s\"", client.Printable(args[0]))
				if near := config.Nearest(args[0]); near != "" {
					text += ". Did you mean " + near + "?"
				}
				return fail(client.BadConfig, "%s", text)
			}
			value, err := key.Parse(args[1])
			if err != nil {
				return fail(client.BadConfig, "%s", client.Printable(err.Error()))
			}
			path, err := c.configPath()
			if err != nil {
				return err
			}
			if err := config.Edit(path, key.Name, value); err != nil {
				return c.cannotWrite(path, err)
			}
			when := "from the next start on"
			if key.Live {
				when = "now, with: caracal config reload"
			}
			c.done("%s = %s in %s (%s)\n", key.Name, client.Printable(config.Literal(value)), client.Printable(tilde(path)), when)
			if env := os.Getenv("CARACAL_" + strings.ToUpper(strings.ReplaceAll(key.Name, ".", "_"))); env != "" {
				c.say("note: a variable in the environment overrides it\n")
			}
			return nil
		},
	}
}

func keyHelp() string {
	var b strings.Builder
	b.WriteString("Keys:\n")
	for _, k := range config.Keys {
		fmt.Fprintf(&b, "  %-24s %s\n", k.Name, k.Help)
	}
	return strings.TrimRight(b.String(), "\n")
}

// cannotWrite tells why the file was not changed.
func (c *command) cannotWrite(path string, err error) error {
	if isError(err) {
		return badConfig(err)
	}
	if os.IsPermission(err) || strings.Contains(err.Error(), "permission denied") {
		return fail(client.Refused, "cannot write %s: permission denied. As root: sudo caracal config set …", client.Printable(path))
	}
	return fail(client.Failed, "%s", plain(err))
}

func (c *command) configEdit() *cobra.Command {
	return &cobra.Command{
		Use: "edit", Short: "Change the file in $EDITOR, and check it", Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := c.configPath()
			if err != nil {
				return err
			}
			editor := os.Getenv("VISUAL")
			if editor == "" {
				editor = os.Getenv("EDITOR")
			}
			if editor == "" {
				editor = "nano"
			}
			if _, err := os.Stat(path); os.IsNotExist(err) {
				if err := config.Write(path, config.Template()); err != nil {
					return c.cannotWrite(path, err)
				}
			}
			run := exec.CommandContext(cmd.Context(), "sh", "-c", editor+` "$1"`, "edit", path)
			run.Stdin, run.Stdout, run.Stderr = os.Stdin, c.out, c.err
			if err := run.Run(); err != nil {
				return fail(client.Failed, "the editor (%s) failed: %v. Choose another with EDITOR.", client.Printable(editor), err)
			}
			if _, err := config.Load(path, os.Getenv); err != nil {
				return badConfig(err)
			}
			c.done("%s is well. It takes effect with: caracal config reload, or at the next start\n", client.Printable(tilde(path)))
			return nil
		},
	}
}

func (c *command) configReload() *cobra.Command {
	return &cobra.Command{
		Use: "reload", Short: "Let the running node read its file again", Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			doc, err := n.Reload(cmd.Context())
			if err != nil {
				return err
			}
			if c.json {
				return c.document(doc)
			}
			switch {
			case len(doc.Applied)+len(doc.Restart) == 0:
				c.done("nothing has changed\n")
			case len(doc.Restart) == 0:
				c.done("in effect now: %s\n", strings.Join(doc.Applied, ", "))
			case len(doc.Applied) == 0:
				c.done("in effect from the next start on: %s (caracal down, caracal up)\n", strings.Join(doc.Restart, ", "))
			default:
				c.done("in effect now: %s; from the next start on: %s\n", strings.Join(doc.Applied, ", "), strings.Join(doc.Restart, ", "))
			}
			return nil
		},
	}
}
