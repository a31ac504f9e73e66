package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/share"
)

// fileVerbs are those about shares and running transfers.
func (c *command) fileVerbs() []*cobra.Command {
	return []*cobra.Command{c.share(), c.unshare(), c.ls(), c.get(), c.transfers()}
}

func (c *command) share() *cobra.Command {
	var ask client.ShareRequest
	var last time.Duration
	var code bool
	cmd := &cobra.Command{
		Use: "share PATH", Short: "Let others fetch a file or folder", Args: exactly(1),
		Long: `Let others fetch a file or folder, until it is taken back (caracal unshare), its time is over, or it was
downloaded so often. All of it is read once, so that whoever fetches it can check every piece; what is changed after that is not given
until it is shared anew. It outlasts a restart of the node.

Everybody in the mesh can see and fetch it, unless it is --hidden, then who has its ticket, or given --to certain peers.`,
		Example: "  caracal share talks.pdf --for 2h --max 5\n  caracal share photos --hidden --qr\n  caracal share report.pdf --to kitchen --to roof",
		RunE: func(cmd *cobra.Command, args []string) error {
			if ask.Max < 0 || last < 0 {
				return misused(cmd, "--max and --for cannot be negative")
			}
			n, err := c.node()
			if err != nil {
				return err
			}
			paths, err := absolute(args)
			if err != nil {
				return fail(client.Failed, "%s", strings.Replace(err.Error(), "cannot send", "cannot share", 1))
			}
			ask.Path, ask.For = paths[0], last.Seconds()
			slow := time.AfterFunc(time.Second, func() { c.say("reading %s …\n", client.Printable(filepath.Base(ask.Path))) })
			defer slow.Stop()
			s, err := n.Share(cmd.Context(), ask)
			slow.Stop()
			if err != nil {
				return err
			}
			return c.shared(cmd, n, &s, code)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&last, "for", 0, "how long, such as 1h (default: until unshare)")
	flags.IntVar(&ask.Max, "max", 0, "by how many nodes it may be downloaded (default: any number)")
	flags.BoolVar(&ask.Hidden, "hidden", false, "only for those who have the ticket")
	flags.StringArrayVar(&ask.To, "to", nil, "a peer it is for (default: everybody); can be repeated")
	flags.BoolVar(&code, "qr", false, "show the ticket as a QR code")
	return cmd
}

// shared tells how others get it.
func (c *command) shared(cmd *cobra.Command, n *client.Client, s *client.Share, code bool) error {
	for _, left := range s.LeftOut {
		c.say("left out %s\n", client.Printable(left))
	}
	if c.json {
		return c.document(s)
	}
	until := "until it is taken back (caracal unshare)"
	if !s.Until.IsZero() {
		until = "until " + clock(s.Until)
	}
	if s.Left != nil {
		until += fmt.Sprintf(", at most %d downloads", *s.Left)
	}
	c.done("sharing %s (%s) %s\n", shareTitle(s), share.Size(s.Size), until)
	if !s.Hidden {
		me := "this node"
		if id, err := n.ID(cmd.Context()); err == nil {
			me = callIt(id.Name, id.SID)
		}
		c.done("on this mesh:   caracal get %s:%s\n", me, shellWord(s.Name))
	}
	c.done("with a ticket:  caracal get %s\n", s.Ticket)
	if code {
		return c.qr(s.Ticket)
	}
	return nil
}

// shareTitle is "a.bin", or "photos/ (412 files)".
func shareTitle(s *client.Share) string {
	if !s.Folder {
		return client.Printable(s.Name)
	}
	return client.Printable(s.Name) + "/ (" + files(s.Files) + ")"
}

// shellWord is a name as it can be typed into a shell.
func shellWord(name string) string {
	name = client.Printable(name)
	if strings.ContainsAny(name, " \t'\"\\$&;()<>|*?[]#~`!{}") {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}

// clock is a time of today, or a date and time.
func clock(t time.Time) string {
	t = t.Local()
	if t.Format(time.DateOnly) == time.Now().Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}

func (c *command) unshare() *cobra.Command {
	return &cobra.Command{
		Use: "unshare NAME", Short: "Take back what is shared", Args: exactly(1),
		Long:    "Take back what is shared. Downloads that run end; the file or folder itself stays.",
		Example: "  caracal unshare talks.pdf",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			s, err := n.Unshare(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if c.json {
				return c.document(s)
			}
			c.done("%s is not shared any more (%s)\n", shareTitle(&s), downloads(s.Taken))
			return nil
		},
	}
}

func downloads(n int) string {
	if n == 1 {
		return "1 download"
	}
	return fmt.Sprintf("%d downloads", n)
}

func (c *command) ls() *cobra.Command {
	return &cobra.Command{
		Use: "ls [PEER]", Short: "What a peer shares, or this node", Args: atMost(1),
		Long:    "List what a peer shares with this node, or, without PEER, what this node shares and how often it was downloaded.",
		Example: "  caracal ls kitchen\n  caracal ls",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			doc, err := n.Shares(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			if c.json {
				return c.document(doc)
			}
			c.sharesText(&doc)
			return nil
		},
	}
}

func (c *command) sharesText(doc *client.Shares) {
	if len(doc.Shares) == 0 && doc.Own {
		c.say("nothing is shared here. Share something: caracal share PATH\n")
		return
	}
	if len(doc.Shares) == 0 {
		c.say("%s shares nothing with this node\n", client.Printable(doc.Name))
		return
	}
	t := table{{"NAME", "SIZE", "FILES", "UNTIL", "LEFT"}}
	if doc.Own {
		t[0] = append(t[0], "DOWNLOADS", "FOR")
	}
	for _, s := range doc.Shares {
		name, until, left := client.Printable(s.Name), "–", "–"
		if s.Folder {
			name += "/"
		}
		if !s.Until.IsZero() {
			until = clock(s.Until)
		}
		if s.Left != nil {
			left = fmt.Sprint(*s.Left)
		}
		row := []string{name, share.Size(s.Size), fmt.Sprint(s.Files), until, left}
		if doc.Own {
			row = append(row, fmt.Sprint(s.Taken), sharedWith(&s))
		}
		t.add(row...)
	}
	t.print(c, "DOWNLOADS", "LEFT", "FILES", "UNTIL")
}

// sharedWith is who may fetch one of our shares.
func sharedWith(s *client.Share) string {
	switch {
	case s.Hidden:
		return "who has its ticket"
	case len(s.To) == 1:
		return "1 peer"
	case len(s.To) > 1:
		return fmt.Sprintf("%d peers", len(s.To))
	}
	return "everybody"
}
