package main

import (
	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
)

func (c *command) trust() *cobra.Command {
	return c.policy(client.PolicyTrust, &cobra.Command{
		Use: "trust [PEER]", Short: "Take a peer's files without asking, or list those trusted",
		Long: `Take a peer's files without asking, as those of peers you have named (caracal name).
It holds where the rule is "contacts" (caracal up --accept), and until caracal trust --off PEER.
Without PEER, list those trusted.`,
		Example: "  caracal trust kitchen\n  caracal trust --off kitchen\n  caracal trust",
	})
}

func (c *command) block() *cobra.Command {
	return c.policy(client.PolicyBlock, &cobra.Command{
		Use: "block [PEER]", Short: "Refuse a peer's files whatever the rule, or list those blocked",
		Long: `Refuse a peer's files whatever the rule says, show it nothing of what is shared, and do not pair with it.
Its traffic is relayed all the same. It holds until caracal block --off PEER.
Without PEER, list those blocked.`,
		Example: "  caracal block 41d0beef\n  caracal block --off 41d0beef\n  caracal block",
	})
}

// policy completes a verb that gives peers a policy.
func (c *command) policy(policy string, cmd *cobra.Command) *cobra.Command {
	off := cmd.Flags().Bool("off", false, "take it back")
	cmd.Args = atMost(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		n, err := c.node()
		if err != nil {
			return err
		}
		if len(args) == 0 {
			if *off {
				return misused(cmd, "PEER is missing")
			}
			return c.contacts(cmd, n, policy)
		}
		want := policy
		if *off {
			want = client.PolicyNone
		}
		doc, err := n.Policy(cmd.Context(), args[0], want)
		if err != nil {
			return err
		}
		if c.json {
			return c.document(doc)
		}
		c.done("%s is %s\n", callIt(doc.Name, doc.SID), map[string]string{
			client.PolicyTrust: "trusted now", client.PolicyBlock: "blocked now", client.PolicyNone: "neither trusted nor blocked now",
		}[doc.Policy])
		return nil
	}
	return cmd
}

// contacts lists those with a policy.
func (c *command) contacts(cmd *cobra.Command, n *client.Client, policy string) error {
	doc, err := n.Contacts(cmd.Context())
	if err != nil {
		return err
	}
	list := []client.Contact{}
	for _, k := range doc.Contacts {
		if k.Policy == policy {
			list = append(list, k)
		}
	}
	doc.Contacts = list
	if c.json {
		return c.document(doc)
	}
	if len(list) == 0 {
		c.say("nobody is %s\n", map[string]string{client.PolicyTrust: "trusted", client.PolicyBlock: "blocked"}[policy])
		return nil
	}
	t := table{{"NAME", "SID"}}
	for _, k := range list {
		t.add(named(k.Name), k.SID)
	}
	t.print(c)
	return nil
}

// atMost wants no more than so many arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return misused(cmd, "\""+client.Printable(args[n])+"\" is too much")
		}
		return nil
	}
}
