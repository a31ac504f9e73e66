package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/caracal-mesh/caracal/api/client"
)

// homeDir is the instance meant: --home, $CARACAL_HOME, or the user's own.
func (c *command) homeDir() (dir string, explicit bool, err error) {
	dir = c.home
	if dir == "" {
		dir = os.Getenv("CARACAL_HOME")
	}
	if dir == "" {
		if dir = defaultHome(); dir == "" {
			return "", false, fail(client.Usage, "this user has no home folder. Name one: --home DIR")
		}
		if !isThere(filepath.Join(dir, "identity.key")) && isThere(filepath.Join(systemHome, client.SocketName)) {
			return systemHome, true, nil // no node of one's own, and one of the machine that may be used
		}
		return dir, false, nil
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", false, fail(client.Failed, "cannot find %s: %v", client.Printable(c.home), err)
	}
	return dir, true, nil
}

// defaultHome is where the user's own node keeps its files; "" when there is no place.
func defaultHome() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "caracal")
	}
	if dir := os.Getenv("LOCALAPPDATA"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "caracal")
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, ".local", "share", "caracal")
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// filesDir is where received files go when nothing is said: ~/Caracal, or next to
// the key of an instance that was named.
func filesDir(home string, explicit bool) string {
	if home == systemHome {
		return filepath.Join(home, "inbox")
	}
	if dir, err := os.UserHomeDir(); err == nil && !explicit {
		return filepath.Join(dir, "Caracal")
	}
	return filepath.Join(home, "files")
}

// tilde shortens a path below the user's home folder.
func tilde(path string) string {
	dir, err := os.UserHomeDir()
	if rest, ok := strings.CutPrefix(path, dir+string(filepath.Separator)); ok && err == nil && dir != "" {
		return "~" + string(filepath.Separator) + rest
	}
	return path
}

// node is the client for the instance meant.
func (c *command) node() (*client.Client, error) {
	dir, _, err := c.homeDir()
	if err != nil {
		return nil, err
	}
	return client.New(dir), nil
}
