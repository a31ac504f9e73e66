//go:build !unix

package host

import "os"

// checkHome and checkKeyFile rely on the user's profile being private.
func checkHome(string) error    { return nil }
func checkKeyFile(string) error { return nil }

// lockHome only makes the file: the data port keeps a second node out.
func lockHome(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}
