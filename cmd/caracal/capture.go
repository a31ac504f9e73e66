package main

import (
	"context"
	_ "embed"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/share"
)

//go:embed caracal.lua
var dissector string

// captureFlags are the flags of "capture".
type captureFlags struct {
	file      string
	outer     bool
	dissector bool
	span      time.Duration
}

func (c *command) capture() *cobra.Command {
	var f captureFlags
	cmd := &cobra.Command{
		Use: "capture", Short: "Record the node's packets for Wireshark, also opened", Args: exactly(0),
		Long: "Write the packets of the node as pcapng until Ctrl-C: as they are on the wire, and the insides of those that are its own, which\n" +
			"is what it sends and receives in the clear, files too. What it only carries for others it cannot open, and keys are never written. To give a\n" +
			"recording away use --outer: that shows no more than anybody on the network sees. Wireshark reads the rest with the\n" +
			"dissector that --dissector prints.",
		Example: "  caracal capture -o mesh.pcapng\n  caracal capture --dissector > caracal.lua\n" +
			"  caracal capture -o - | wireshark -k -i - -X lua_script:caracal.lua\n  caracal capture --outer --for 30s -o for-others.pcapng",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.dissector {
				_, err := io.WriteString(c.out, dissector)
				return err
			}
			return c.record(cmd.Context(), &f)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "output", "o", "", "the file to write, - = standard output")
	flags.BoolVar(&f.outer, "outer", false, "only what is on the wire, nothing opened")
	flags.BoolVar(&f.dissector, "dissector", false, "print the dissector for Wireshark and tshark, in Lua")
	flags.DurationVar(&f.span, "for", 0, "end after this time, such as 30s (default: at Ctrl-C)")
	return cmd
}

// A captureDocument is what --json prints at the end, on standard error when the packets go to standard output.
type captureDocument struct {
	Schema string `json:"schema"`
	File   string `json:"file"`
	Opened bool   `json:"opened"`
	Bytes  int64  `json:"bytes"`
}

func (c *command) record(ctx context.Context, f *captureFlags) error {
	to := c.out
	switch {
	case f.file == "":
		return fail(client.Usage, "where to? Name a file: caracal capture -o FILE  (- = standard output)")
	case f.file == "-" && isTerminal(c.out):
		return fail(client.Usage, "packets are nothing for a terminal. Name a file, or pipe them: caracal capture -o - | wireshark -k -i -")
	}
	n, err := c.node()
	if err != nil {
		return err
	}
	if _, err := n.Status(ctx); err != nil {
		return err
	}
	if f.file != "-" {
		if to, err = private(f.file); err != nil {
			return fail(client.Failed, "cannot write %s: %v", client.Printable(f.file), reason(err))
		}
	}
	if f.span > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.span)
		defer cancel()
	}
	c.say("recording to %s, until Ctrl-C%s\n", client.Printable(f.file), map[bool]string{true: "", false: "; what this node sends and receives is in it, opened"}[f.outer])
	size, err := n.Capture(ctx, !f.outer, to)
	if f.file != "-" {
		err = errors.Join(err, to.Close())
	}
	if c.json {
		doc := captureDocument{client.SchemaCapture, f.file, !f.outer, size}
		if f.file == "-" {
			writeLine(c.err, doc)
		} else {
			c.line(doc)
		}
	} else {
		c.say("%s written\n", share.Size(size))
	}
	var told *client.Error
	if errors.As(err, &told) || ctx.Err() == nil && err != nil {
		return err
	}
	return nil // Ctrl-C is how it ends
}

// private makes a file that only its owner can read; one that is there is replaced.
func private(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		err = f.Chmod(0o600)
		if err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}
