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
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/internal/near"
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
	case errors.Is(err, context.DeadlineExceeded):
		told = client.Errorf(client.NoReply, "not done in %v (--timeout)", c.timeout)
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
	quiet    bool
	noColor  bool
	verbose  int
	timeout  time.Duration // 0 = none
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "caracal",
		Short:         "A mesh node: finds other nodes by itself, reaches them through others, sends files",
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noVerb(cmd, args[0])
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fail(client.Usage, "%s\nTry: %s --help", client.Printable(firstLine(err.Error())), cmd.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.StringVar(&c.home, "home", "", "the node's folder (default: $CARACAL_HOME, or "+tilde(defaultHome())+")")
	flags.BoolVar(&c.json, "json", false, "print JSON")
	flags.BoolVar(&c.noColor, "no-color", false, "print no colours (so does NO_COLOR)")
	flags.DurationVar(&c.timeout, "timeout", 0, "give up after this time, such as 30s (exit code 5)")
	flags.CountVarP(&c.verbose, "verbose", "v", "say more: up logs for debugging, other verbs tell whom they asked and how long it took")
	flags.BoolVarP(&c.quiet, "quiet", "q", false, "say nothing but data and errors")
	root.AddCommand(c.machineVerbs()...)
	root.AddCommand(c.fileVerbs()...)
	root.AddCommand(c.pairVerbs()...)
	root.AddCommand(
		c.up(), c.down(), c.status(), c.id(), c.peers(), c.nameVerb(), c.forget(), c.trust(), c.block(), c.ping(), c.trace(), c.routes(),
		c.send(), c.inbox(), c.pipe(), c.forward(), c.expose(),
		c.watch(), c.web(), c.metrics(), c.capture(), c.debug(), c.socks(), c.services(), c.streams(), c.sim(), c.versionVerb(), c.demo(), c.network(), exitCodes(), schemas(),
	)
	root.InitDefaultCompletionCmd()
	c.completion(root)
	c.everywhere(root)
	return root
}

// noVerb says that there is no such verb, and which was probably meant.
func noVerb(parent *cobra.Command, typed string) error {
	var verbs []string
	for _, v := range parent.Commands() {
		verbs = append(verbs, v.Name())
	}
	path := parent.CommandPath()
	if meant := near.Word(typed, verbs, min(2, len(typed)/2)+1); meant != "" {
		return fail(client.Usage, "there is no verb \"%s\". Did you mean: %s %s", client.Printable(typed), path, meant)
	}
	return fail(client.Usage, "there is no verb \"%s\". Which there are: %s --help", client.Printable(typed), path)
}

// exactly wants so many arguments, and otherwise says what is wrong.
func exactly(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch words := strings.Fields(cmd.Use)[1:]; {
		case len(args) < n:
			return misused(cmd, missing(words[len(args):]))
		case len(args) > n && cmd.HasSubCommands():
			return noVerb(cmd, args[n])
		case len(args) > n:
			return misused(cmd, fmt.Sprintf("\"%s\" is too much", client.Printable(args[n])))
		}
		return nil
	}
}

// missing names what is missing.
func missing(words []string) string {
	if len(words) == 1 {
		return words[0] + " is missing"
	}
	return strings.Join(words, " and ") + " are missing"
}

// misused says what is wrong with the use of a verb, and how it is used.
func misused(cmd *cobra.Command, what string) error {
	return fail(client.Usage, "%s. Use it like this: %s", what, cmd.UseLine())
}

// fail is an error of the command line.
func fail(code int, format string, args ...any) error {
	return client.Errorf(code, format, args...)
}

// exit ends with a code and says nothing more.
func exit(code int) error { return client.Errorf(code, "") }
