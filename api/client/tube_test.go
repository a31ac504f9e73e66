package client

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
)

// Whatever comes is bytes, an end or an error; nothing that is cut off looks like an end.
func FuzzTube(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 'h', 'i', 1, 0, 0, 0})
	f.Add([]byte{2, 0, 0, 2, '{', '}'})
	f.Add([]byte{0, 0xff, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := io.ReadAll(NewTube(nil, bufio.NewReader(bytes.NewReader(in))))
		if err == nil && !bytes.Contains(in, []byte{frameEnd}) {
			t.Errorf("an end after %q of %q", got, in)
		}
	})
}

func TestATubeThatIsCutHasNoEnd(t *testing.T) {
	for in, want := range map[string]error{
		"":                                   ErrCut,
		"\x00\x00\x00\x05he":                 ErrCut,
		"\x00\x00\x00\x02hi":                 ErrCut,
		"\x00\x00\x00\x02hi\x01":             ErrCut,
		"\x00\x00\x00\x02hi\x01\x00\x00\x00": nil,
	} {
		if _, err := io.ReadAll(NewTube(nil, bufio.NewReader(bytes.NewReader([]byte(in))))); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", in, err, want)
		}
	}
}
