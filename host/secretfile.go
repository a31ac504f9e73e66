package host

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/caracal-mesh/caracal/sid/keyring"
)

// ReadSecret reads a file with one secret. A file that others can read is refused with
// ErrKeyPermissions; what is no regular file, such as a pipe, has no such mode. The last end of the line does not
// count. At most keyring.MaxFile bytes are read.
func ReadSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		if err := checkKeyFile(path); err != nil {
			return nil, err
		}
	}
	return ReadLine(f)
}

// ReadLine reads a secret of one line.
func ReadLine(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, keyring.MaxFile+1))
	if err != nil {
		return nil, err
	}
	data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	if len(data) > keyring.MaxFile || bytes.ContainsAny(data, "\r\n") {
		return nil, fmt.Errorf("%w: a secret is one line", ErrConfig)
	}
	return data, nil
}

// ReadNetworkKey reads the key of a private mesh from a file that only we can read (spec I6.8). Errors:
// ErrKeyPermissions, keyring.ErrNetworkKey, and those of the file system.
func ReadNetworkKey(path string) (*[32]byte, error) {
	data, err := ReadSecret(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	key, err := keyring.ParseNetworkKey(data)
	if err != nil {
		return nil, err
	}
	return &key, nil
}

// NewSecretFile writes a file that only we can read, where there is none yet.
func NewSecretFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if e := f.Sync(); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
