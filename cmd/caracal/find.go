package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
)

// find looks for nodes that agreed to be found.
func (c *command) find() *cobra.Command {
	return &cobra.Command{
		Use: "find [WORD…]", Short: "Look for nodes by words, or a SID, where this node is registered too", Args: cobra.ArbitraryArgs,
		Long: "Look into the directories at which this node is registered (caracal register PEER) for nodes whose profiles have all the\n" +
			"words; without a word, for all, 100 at most. What they tell of themselves nobody has checked.",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			f, err := n.Find(cmd.Context(), strings.Join(args, " "))
			if err != nil {
				return err
			}
			if c.json {
				err = c.document(f)
			} else if id, e := n.ID(cmd.Context()); e != nil {
				err = e
			} else {
				c.findText(&f, id.SID)
			}
			if err == nil && len(f.Found) == 0 {
				return exit(client.UnknownPeer)
			}
			return err
		},
	}
}

func (c *command) findText(f *client.Find, self string) {
	if len(f.Found) == 0 {
		c.say("nobody who is registered there has all of these words\n")
		return
	}
	t := table{{"HOST", "SID", "OWNER", "WHERE", "SEEN AT"}}
	for _, e := range f.Found {
		var where []string
		for _, w := range []string{e.City, e.Region, e.Country} {
			if w != "" {
				where = append(where, client.Printable(w))
			}
		}
		host := dash(client.Printable(e.Host))
		if e.SID == self {
			host += " (this node)"
		}
		t.add(host, short(e.SID), dash(client.Printable(e.Owner)), dash(strings.Join(where, ", ")), dash(e.Seen))
	}
	t.print(c, "SEEN AT", "WHERE", "OWNER")
	if !f.Complete {
		c.say("there are more than these: use more words\n")
	}
}

// register lets this node be found.
func (c *command) register() *cobra.Command {
	var e client.Entry
	var off, endpoints bool
	cmd := &cobra.Command{
		Use: "register PEER", Short: "Be found at a peer by who is registered there too, until \"down\"", Args: exactly(1),
		Long: "Have a peer keep a profile of this node, which others that are registered there can find by its words (caracal find).\n" +
			"Nothing is told anywhere unless you do this. It is renewed until \"caracal down\", or until --off.",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			if endpoints {
				e.Endpoints = []string{}
			}
			got, err := n.Register(cmd.Context(), args[0], e, off)
			if err != nil {
				return err
			}
			at := client.Printable(args[0])
			switch {
			case c.json:
				return c.document(client.Find{Schema: client.SchemaFind, Asked: []string{got.At}, Complete: true, Found: []client.Entry{got}})
			case off:
				c.done("not registered at %s any more\n", at)
				return nil
			case got.Seen != "":
				c.done("registered at %s, which sees this node at %s\n", at, got.Seen)
			default:
				c.done("registered at %s\n", at)
			}
			if got.Host+got.Owner+got.City+got.Region+got.Country == "" {
				c.say("Without a word about it, this node is found by its SID only. Words: --host, --owner, --city\n")
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&e.Host, "host", "", "name of this machine")
	f.StringVar(&e.Owner, "owner", "", "whose it is")
	f.StringVar(&e.City, "city", "", "where it is")
	f.StringVar(&e.Region, "region", "", "where it is")
	f.StringVar(&e.Country, "country", "", "where it is")
	f.BoolVar(&endpoints, "endpoints", false, "tell this machine's own addresses too")
	f.BoolVar(&off, "off", false, "end it")
	return cmd
}
