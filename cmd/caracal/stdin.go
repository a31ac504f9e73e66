package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/share"
)

// spoolAge is how long what was read from standard input is kept to be continued.
const spoolAge = 30 * 24 * time.Hour

// A spool keeps what was read from standard input: a receiver is told its size first, and can be lost.
type spool struct{ dir, file string }

// spooled replaces "-" among the paths by a file that holds standard input.
func (c *command) spooled(cmd *cobra.Command, args []string, name string) ([]string, *spool, error) {
	at := slices.Index(args, "-")
	if at < 0 {
		return args, nil, nil
	}
	if slices.Contains(args[at+1:], "-") {
		return nil, nil, misused(cmd, "standard input can be sent once only")
	}
	if name != filepath.Base(name) || name == "." || name == ".." || name == string(filepath.Separator) {
		return nil, nil, misused(cmd, "--as \""+client.Printable(name)+"\" is no name of a file")
	}
	home, _, err := c.homeDir()
	if err != nil {
		return nil, nil, err
	}
	s, err := newSpool(cmd.Context(), filepath.Join(home, "spool"), name)
	if err != nil {
		return nil, nil, err
	}
	args = slices.Clone(args)
	args[at] = s.file
	return args, s, nil
}

// newSpool reads standard input.
func newSpool(ctx context.Context, top, name string) (*spool, error) {
	old, _ := filepath.Glob(filepath.Join(top, "*"))
	for _, dir := range old {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > spoolAge {
			os.RemoveAll(dir)
		}
	}
	err := os.MkdirAll(top, 0o700)
	s := &spool{}
	if err == nil {
		s.dir, err = os.MkdirTemp(top, "stdin-*")
	}
	var f *os.File
	if err == nil {
		s.file = filepath.Join(s.dir, name)
		f, err = os.OpenFile(s.file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	}
	if err == nil {
		err = errors.Join(copyUntil(ctx, f, os.Stdin), f.Close())
	}
	switch {
	case ctx.Err() != nil:
		s.remove()
		return nil, ctx.Err()
	case share.IsDiskFull(err):
		s.remove()
		return nil, fail(client.Failed, "the disk here is full: all of standard input is kept in %s until it is sent.", client.Printable(tilde(top)))
	case err != nil:
		s.remove()
		return nil, fail(client.Failed, "cannot keep standard input: %v", plain(err))
	}
	return s, nil
}

// copyUntil copies to the end, or until ctx ends: a read of a terminal cannot be stopped, it is left behind.
func copyUntil(ctx context.Context, to io.Writer, from io.Reader) error {
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(to, from)
		copied <- err
	}()
	select {
	case err := <-copied:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *spool) remove() {
	if s != nil && s.dir != "" {
		os.RemoveAll(s.dir)
	}
}

// after removes what was read, unless the transfer can go on: then it says how.
func (s *spool) after(err error, peer string) error {
	var told *client.Error
	if s == nil || !errors.As(err, &told) || told.Code != client.Interrupted {
		s.remove()
		return err
	}
	at := told.Text
	if end := len(at); end > 0 && at[end-1] != '.' {
		at += "."
	}
	return fail(client.Interrupted, "%s\nStandard input was kept: the command is now %s", at,
		fmt.Sprintf("caracal send %s %s", shellWord(s.file), shellWord(peer)))
}
