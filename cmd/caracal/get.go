package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/share"
)

func (c *command) get() *cobra.Command {
	var ask client.GetRequest
	var to string
	cmd := &cobra.Command{
		Use: "get PEER:NAME|TICKET", Short: "Fetch what a peer shares; the same command goes on where it stopped", Args: exactly(1),
		Long: `Fetch what a peer shares, or a part of it (kitchen:maps/osm.mbtiles), into the folder for received files. Every piece is checked.
What was cut off goes on where it was, with the same command. Contacts who share the same content, and peers named with --from, are
asked for pieces at the same time.

A ticket is a secret: with "-" it is read from standard input, where other users of this machine cannot see it.`,
		Example: "  caracal get kitchen:talks.pdf\n  caracal get kitchen:maps/osm.mbtiles -o - | sha256sum\n  caracal get kitchen:big.iso --from roof -o /tmp/big.iso\n  caracal get - < ticket.txt",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			if err := c.wanted(cmd, args[0], &ask); err != nil {
				return err
			}
			if to != "" {
				return c.read(cmd.Context(), n, ask, to)
			}
			s := sending{c: c, bar: newBar(c), get: true}
			s.quiet = time.AfterFunc(time.Hour, s.still)
			err = n.Get(cmd.Context(), ask, s.show)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.quiet.Stop()
			s.bar.end()
			return s.why(err)
		},
	}
	cmd.Flags().StringVarP(&to, "output", "o", "", "file to write a single file to, \"-\" = standard output")
	cmd.Flags().StringArrayVar(&ask.From, "from", nil, "a peer that may have the same content; can be repeated")
	return cmd
}

// wanted reads what is meant.
func (c *command) wanted(cmd *cobra.Command, text string, ask *client.GetRequest) error {
	if text == "-" {
		line, err := bufio.NewReader(io.LimitReader(os.Stdin, 4096)).ReadString('\n')
		if text = strings.TrimSpace(line); text == "" {
			return fail(client.Usage, "standard input has no ticket (%v)", err)
		}
	}
	if share.IsTicket(text) {
		ask.Ticket = text
		return nil
	}
	peer, name, ok := strings.Cut(text, ":")
	name = strings.Trim(name, "/")
	if !ok || peer == "" || name == "" {
		return misused(cmd, "\""+client.Printable(text)+"\" is neither PEER:NAME nor a ticket")
	}
	ask.Peer = peer
	ask.Name, ask.Path, _ = strings.Cut(name, "/")
	return nil
}

// read gets a single file to where the user says.
func (c *command) read(ctx context.Context, n *client.Client, ask client.GetRequest, to string) error {
	if to == "-" {
		d, err := n.Read(ctx, ask, 0, "")
		if err != nil {
			return err
		}
		return c.pour(ctx, d, c.out)
	}
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		last := ask.Name
		if ask.Path != "" {
			last = filepath.Base(ask.Path)
		}
		if last == "" {
			return fail(client.Usage, "%s is a folder: name a file in it", client.Printable(to))
		}
		to = filepath.Join(to, last)
	}
	if _, err := os.Lstat(to); err == nil {
		return fail(client.Failed, "%s exists already, and nothing is overwritten.", client.Printable(to))
	}
	return c.readTo(ctx, n, ask, to)
}

// partialSuffix is that of a file that is not complete.
const partialSuffix = ".caracal-part"

// readTo gets a file to a path, going on with what is there of it.
func (c *command) readTo(ctx context.Context, n *client.Client, ask client.GetRequest, to string) error {
	f, err := os.OpenFile(to+partialSuffix, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return fail(client.Failed, "cannot write %s: %v", client.Printable(to), reasonOf(err))
	}
	defer f.Close()
	have, root, err := share.PrefixRoot(f)
	if err != nil {
		return fail(client.Failed, "cannot read %s: %v", client.Printable(f.Name()), reasonOf(err))
	}
	d, err := n.Read(ctx, ask, int64(have), hex.EncodeToString(root[:]))
	if err == nil {
		_, err = f.Seek(d.At, io.SeekStart)
		if err == nil {
			err = f.Truncate(d.At)
		}
		if err == nil {
			err = c.pour(ctx, d, f)
		}
	}
	if info, e := f.Stat(); err != nil && e == nil && info.Size() == 0 {
		os.Remove(f.Name())
	}
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fail(client.Failed, "cannot write %s: %v", client.Printable(to), reasonOf(err))
	}
	if _, err := os.Lstat(to); err == nil {
		return fail(client.Failed, "%s has come to be meanwhile; what was fetched is %s", client.Printable(to), client.Printable(f.Name()))
	}
	if err := os.Rename(f.Name(), to); err != nil {
		return fail(client.Failed, "cannot name %s: %v", client.Printable(to), reasonOf(err))
	}
	if !c.json {
		c.done("%s  %s → %s, verified\n", client.Printable(d.Name), share.Size(d.Size), client.Printable(to))
		return nil
	}
	c.line(client.Transfer{Schema: client.SchemaTransfer, Event: string(share.Finished), What: d.Name, Files: 1, Done: 1, Bytes: d.Size, Total: d.Size, Resumed: d.At, Path: to})
	return nil
}

// pour writes what comes, showing progress.
func (c *command) pour(ctx context.Context, d *client.Download, to *os.File) error {
	defer d.Close()
	s := sending{c: c, bar: newBar(c), get: true, on: true, line: time.Now()}
	s.quiet = time.AfterFunc(time.Hour, func() {})
	begun := time.Now()
	s.last = client.Transfer{Event: string(share.Progress), What: d.Name, Files: 1, Bytes: d.At, Total: d.Size}
	if to != c.out || !isTerminal(c.out) {
		s.bar.begin(d.Size)
	}
	defer s.bar.end()
	buf := make([]byte, 256<<10)
	for {
		n, err := d.Read(buf)
		if _, werr := to.Write(buf[:n]); werr != nil {
			return fail(client.Failed, "cannot write: %v", reasonOf(werr))
		}
		s.last.Bytes += int64(n)
		s.last.Rate = float64(s.last.Bytes-d.At) / max(time.Since(begun).Seconds(), 1e-3)
		if !c.json && n > 0 {
			s.progress(&s.last, client.Printable(d.Name))
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return s.why(err)
		}
	}
}

// reasonOf is the last part of a chain of errors of the file system.
func reasonOf(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return client.Printable(err.Error())
}
