//go:build !linux

package share

import (
	"errors"
	"os"
	"time"
)

// openPlain, makePlain, setTime and renameNew are for Linux: elsewhere os.Root does as well.
func openPlain(*os.File, string) (*os.File, error) { return nil, errors.ErrUnsupported }

// mayRead tells why the file at path cannot be read, nil when it can.
func mayRead(path string) error {
	f, err := os.Open(path)
	if err == nil {
		f.Close()
	}
	return err
}

func makePlain(*os.File, string, bool) (*os.File, error) { return nil, errors.ErrUnsupported }

func setTime(*os.File, string, time.Time) error { return errors.ErrUnsupported }

func renameNew(*os.File, string, *os.File, string) error { return errors.ErrUnsupported }
