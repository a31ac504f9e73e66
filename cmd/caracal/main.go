// Command caracal runs a mesh node and talks to it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
)

// version is set by the linker.
var version = "0.1.0"

func main() { os.Exit(run()) }

// run runs the command line and returns the exit code.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := &command{out: os.Stdout, err: os.Stderr}
	err := c.root().ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var told *client.Error
	switch {
	case errors.As(err, &told):
	case errors.Is(err, context.Canceled):
		told = client.Errorf(client.StoppedByUser, "stopped")
	default: // cobra's own
		told = client.Errorf(client.Usage, "%s\nTry: caracal help", strings.TrimSpace(client.Printable(firstLine(err.Error()))))
	}
	if told.Text != "" {
		fmt.Fprintln(c.err, told.Text)
	}
	return told.Code
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// A command is the command line with what all verbs share.
type command struct {
	out, err *os.File
	home     string
	json     bool
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "caracal",
		Short:         "A mesh node: finds other nodes by itself, reaches them through others, sends files",
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fail(client.Usage, "there is no verb %q. Which there are: caracal help", client.Printable(args[0]))
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	root.SetOut(c.out)
	root.SetErr(c.err)
	flags := root.PersistentFlags()
	flags.StringVar(&c.home, "home", "", "the node's folder (default: $CARACAL_HOME, or "+tilde(defaultHome())+")")
	flags.BoolVar(&c.json, "json", false, "print JSON")
	root.AddCommand(
		c.up(), c.down(), c.status(), c.id(), c.peers(), c.nameVerb(), c.forget(), c.ping(), c.trace(), c.routes(),
		c.send(), c.inbox(), c.sim(), c.versionVerb(), c.demo(),
	)
	return root
}

// exactly wants so many arguments, and shows how the verb is used otherwise.
func exactly(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return howTo(cmd)
		}
		return nil
	}
}

// howTo shows how a verb is used.
func howTo(cmd *cobra.Command) error {
	return fail(client.Usage, "use it like this: %s", cmd.UseLine())
}

// fail is an error of the command line.
func fail(code int, format string, args ...any) error {
	return client.Errorf(code, format, args...)
}

// exit ends with a code and says nothing more.
func exit(code int) error { return client.Errorf(code, "") }
