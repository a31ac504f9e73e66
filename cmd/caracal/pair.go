package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
)

// pairVerbs are those that make two nodes contacts.
func (c *command) pairVerbs() []*cobra.Command { return []*cobra.Command{c.invite(), c.joinVerb()} }

func (c *command) invite() *cobra.Command {
	var code, yes bool
	cmd := &cobra.Command{
		Use: "invite", Short: "Pair with another node by a short code", Args: exactly(0),
		Long: `Make a code that is typed at another node (caracal join). The two need to be in one mesh: on one LAN, or with any node between them
that both reach. The code holds for 10 minutes and for one try: who types a wrong one uses it up. Then both screens
show three words; if they are the same, nobody is in between, and each node becomes a trusted contact of the other.`,
		Example: "  caracal invite\n  caracal invite --qr",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := c.pairing(yes)
			if err != nil {
				return err
			}
			p.code = code
			return p.run(cmd.Context(), func(ctx context.Context) error { return p.node.Invite(ctx, p.show) })
		},
	}
	cmd.Flags().BoolVar(&code, "qr", false, "show a ticket with the code as a QR code")
	compareFlag(cmd, &yes)
	return cmd
}

func (c *command) joinVerb() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "join [CODE|TICKET]", Short: "Pair with the node that has made a code or ticket",
		Long: `Pair with the node that has made a code (caracal invite), or with the one of a ticket (caracal invite --qr, caracal id --qr).
Without CODE it is asked for, or read from standard input. A ticket without a code is taken at its word: whoever showed it to you is trusted.`,
		Example: "  caracal join 7-copper-lemon-anchor\n  caracal join\n  caracal join CARACAL:77FE09AA…",
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := c.pairing(yes)
			if err != nil {
				return err
			}
			text := strings.Join(args, " ")
			if text == "" {
				if isTerminal(os.Stdin) {
					fmt.Fprint(c.err, "code? ")
				}
				if text, err = p.line(cmd.Context()); err != nil {
					return err
				}
			}
			return p.run(cmd.Context(), func(ctx context.Context) error { return p.node.Join(ctx, text, p.show) })
		},
	}
	compareFlag(cmd, &yes)
	return cmd
}

func compareFlag(cmd *cobra.Command, yes *bool) {
	cmd.Flags().BoolVar(yes, "yes", false, "do not ask whether the words are the same: take it that they are")
}

// A pairing shows one pairing and asks the person.
type pairing struct {
	c     *command
	node  *client.Client
	yes   bool
	code  bool // as QR
	stdin *bufio.Reader
	ctx   context.Context
}

// pairing sees that the person can be asked.
func (c *command) pairing(yes bool) (*pairing, error) {
	if !yes && (!isTerminal(os.Stdin) || c.json) {
		return nil, fail(client.Usage, "somebody has to compare the words on both screens, and there is no terminal to ask at. Say --yes to take it that they are the same.")
	}
	n, err := c.node()
	return &pairing{c: c, node: n, yes: yes, stdin: bufio.NewReader(io.LimitReader(os.Stdin, 64<<10))}, err
}

// run pairs.
func (p *pairing) run(ctx context.Context, pair func(context.Context) error) error {
	var cancel context.CancelFunc
	p.ctx, cancel = context.WithCancel(ctx)
	defer cancel()
	return pair(p.ctx)
}

// show shows one line.
func (p *pairing) show(l client.Pairing) {
	if p.c.json {
		p.c.line(l)
	} else {
		p.text(&l)
	}
	if l.Event != "words" {
		return
	}
	if p.yes {
		p.answer(l.ID, true)
		return
	}
	go func() {
		fmt.Fprint(p.c.err, "same? [y/N] ")
		text, err := p.line(p.ctx)
		if err == nil {
			p.answer(l.ID, strings.EqualFold(text, "y") || strings.EqualFold(text, "yes"))
		}
	}()
}

func (p *pairing) text(l *client.Pairing) {
	c := p.c
	switch l.Event {
	case "code":
		c.printf("code: %s   (%.0f minutes)\n", l.Code, l.Expires/60)
		c.say("there:  caracal join %s\n", l.Code)
		if p.code {
			_ = c.qr(l.Ticket)
		}
		c.say("waiting …\n")
	case "found":
		c.say("found %s (%s)\n", named(l.Name), short(l.SID))
	case "words":
		c.say("Compare on both screens:  %s\n", l.Words)
	case "done":
		c.done("%s added, trusted\n", callIt(l.Name, l.SID))
	}
}

// answer tells the node what the person says.
func (p *pairing) answer(id string, same bool) {
	if err := p.node.Compare(p.ctx, id, same); err != nil && p.ctx.Err() == nil && same {
		p.c.say("%v\n", err)
	}
}

// line reads a line that somebody types, unless ctx ends before.
func (p *pairing) line(ctx context.Context) (string, error) {
	type typed struct {
		text string
		err  error
	}
	got := make(chan typed, 1)
	go func() {
		text, err := p.stdin.ReadString('\n')
		got <- typed{strings.TrimSpace(text), err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case t := <-got:
		if t.text == "" && t.err != nil {
			return "", fail(client.Usage, "nothing was typed")
		}
		return t.text, nil
	}
}
