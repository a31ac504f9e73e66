package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/term"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
)

// minPassphrase is the fewest bytes of a new passphrase.
const minPassphrase = 8

// passphrase gets one: from the file named ("-" is stdin), else from the person at the terminal.
func (c *command) passphrase(ctx context.Context, file, flag, prompt string) ([]byte, error) {
	if file != "" {
		return readSecret(file)
	}
	if !isTerminal(os.Stdin) {
		return nil, fail(client.Usage, "a passphrase is needed, and there is no terminal to ask at. Name a file that holds it: %s FILE (\"-\" = stdin)", flag)
	}
	return c.ask(ctx, prompt)
}

// newPassphrase gets a passphrase to seal with, typed twice.
func (c *command) newPassphrase(ctx context.Context, file, flag string) ([]byte, error) {
	first, err := c.passphrase(ctx, file, flag, "New passphrase: ")
	if err != nil {
		return nil, err
	}
	if len(first) < minPassphrase {
		return nil, fail(client.Usage, "a passphrase needs %d characters or more.", minPassphrase)
	}
	if file != "" {
		return first, nil
	}
	again, err := c.ask(ctx, "The same again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, again) {
		return nil, fail(client.Usage, "the two passphrases differ. Nothing was changed.")
	}
	return first, nil
}

// ask reads a line from the terminal without showing it.
func (c *command) ask(ctx context.Context, prompt string) ([]byte, error) {
	fd := int(os.Stdin.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return nil, fail(client.Failed, "cannot ask at the terminal: %v", err)
	}
	fmt.Fprint(c.err, prompt)
	type answer struct {
		text []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		typed <- answer{text, err}
	}()
	select {
	case a := <-typed:
		fmt.Fprintln(c.err)
		if a.err != nil {
			return nil, fail(client.Failed, "cannot read from the terminal: %v", a.err)
		}
		return a.text, nil
	case <-ctx.Done(): // Ctrl-C: what is typed shows again
		_ = term.Restore(fd, state)
		fmt.Fprintln(c.err)
		return nil, ctx.Err()
	}
}

// readSecret reads a file with one secret; "-" is stdin.
func readSecret(path string) ([]byte, error) {
	if path == "-" {
		secret, err := host.ReadLine(os.Stdin)
		return secret, secretError("stdin", err)
	}
	secret, err := host.ReadSecret(path)
	return secret, secretError(path, err)
}

// secretError tells why a secret could not be read.
func secretError(path string, err error) error {
	shown := client.Printable(path)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, host.ErrKeyPermissions):
		return fail(client.Refused, "others can read %s. Make it private: chmod 600 %s", shown, shown)
	case errors.Is(err, fs.ErrNotExist):
		return fail(client.Failed, "there is no file %s", shown)
	case errors.Is(err, host.ErrConfig):
		return fail(client.Usage, "%s must hold one line", shown)
	}
	return fail(client.Failed, "cannot read %s: %s", shown, plain(err))
}
