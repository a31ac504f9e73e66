package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/internal/config"
)

// completeFor is how long a shell waits for us.
const completeFor = 500 * time.Millisecond

// completion gives every verb below root what its arguments may be, by the words of its usage.
func (c *command) completion(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		c.completion(cmd)
		words := strings.Fields(cmd.Use)[1:]
		if cmd.ValidArgsFunction == nil && cmd.Runnable() && len(words) > 0 && !strings.HasPrefix(words[0], "[command") {
			cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
				return c.complete(cmd.Context(), words, len(args), begun)
			}
		}
		for flag, list := range flagWords {
			if cmd.Flags().Lookup(flag) != nil {
				_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp))
			}
		}
		if cmd.Flags().Lookup("to") != nil {
			_ = cmd.RegisterFlagCompletionFunc("to", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
				return c.completePeers(cmd.Context(), ""), cobra.ShellCompDirectiveNoFileComp
			})
		}
	}
}

// flagWords are the words that flags take.
var flagWords = map[string][]string{
	"accept": {"ask", "contacts", "all", "never"}, "log-level": {"debug", "info", "warn", "error"}, "log-format": {"text", "json"},
}

// complete is what may stand at that place.
func (c *command) complete(ctx context.Context, words []string, at int, begun string) ([]string, cobra.ShellCompDirective) {
	many := strings.Contains(strings.Join(words, " "), "…")
	word := words[min(at, len(words)-1)]
	if at >= len(words) && !many {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	switch {
	case many && strings.Contains(strings.Join(words, " "), "PATH"):
		return c.completePeers(ctx, ""), cobra.ShellCompDirectiveDefault // a file, or whom it is for
	case strings.Contains(word, "PEER:"), strings.Contains(word, "PEER[:"):
		return c.completePeers(ctx, ":"), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	case strings.Contains(word, "PEER"):
		return c.completePeers(ctx, ""), cobra.ShellCompDirectiveNoFileComp
	case strings.Contains(word, "KEY"):
		var keys []string
		for _, k := range config.Keys {
			keys = append(keys, k.Name+"\t"+k.Help)
		}
		return keys, cobra.ShellCompDirectiveNoFileComp
	case word == "ID":
		return c.completeInbox(ctx), cobra.ShellCompDirectiveNoFileComp
	case strings.Contains(word, "FILE"), strings.Contains(word, "PATH"), strings.Contains(word, "DIR"):
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// completePeers lists the peers that the running node knows, each with its SID.
func (c *command) completePeers(ctx context.Context, suffix string) (list []string) {
	ctx, cancel := context.WithTimeout(orBackground(ctx), completeFor)
	defer cancel()
	n, err := c.node()
	if err != nil {
		return nil
	}
	peers, err := n.Peers(ctx, true)
	if err != nil {
		return nil
	}
	for _, p := range peers.Peers {
		name := callIt(p.Name, p.SID)
		if strings.ContainsAny(name, " \t'\"\\$`*?[]();&|<>~#!") { // shells would take it apart
			name = short(p.SID)
		}
		list = append(list, name+suffix+"\t"+short(p.SID)+" "+p.State)
	}
	return list
}

// completeInbox lists what waits.
func (c *command) completeInbox(ctx context.Context) (list []string) {
	ctx, cancel := context.WithTimeout(orBackground(ctx), completeFor)
	defer cancel()
	n, err := c.node()
	if err != nil {
		return nil
	}
	inbox, err := n.Inbox(ctx)
	if err != nil {
		return nil
	}
	for _, it := range inbox.Items {
		list = append(list, it.ID+"\t"+client.Printable(it.What)+" from "+it.FromName)
	}
	return list
}

func orBackground(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return ctx
}
