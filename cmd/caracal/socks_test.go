package main

import (
	"bytes"
	"io"
	"testing"
)

// A wire is a connection whose other end says in and nothing more.
type wire struct {
	io.Reader
	io.Writer
}

// RFC 1928: what is asked is granted only when it is CONNECT to a name.
func TestGreetTakesOnlyConnectToAName(t *testing.T) {
	name := "\x04pi.x\x1f\x90"
	for in, want := range map[string]byte{
		"\x05\x01\x00\x05\x01\x00\x03" + name:     socksDone,
		"\x05\x02\x02\x00\x05\x01\x00\x03" + name: socksDone,
		"\x05\x01\x02":                        socksFailed, // wants a password
		"\x04\x01\x00":                        socksFailed, // SOCKS4
		"\x05\x01\x00\x05\x02\x00\x03" + name: socksNoCommand,
		"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50": socksNotAllowed,
		"\x05\x01\x00\x05\x01\x00\x07\x00\x50":                 socksNoAddrType,
		"\x05\x01\x00\x05\x01\x00\x03\x00\x00\x50":             socksNoAddrType,
		"\x05\x01\x00\x05\x01\x00\x03\x09pi":                   socksFailed, // cut off
	} {
		host, port, code := greet(wire{bytes.NewReader([]byte(in)), io.Discard})
		if code != want || code == socksDone && (host != "pi.x" || port != 8080) {
			t.Errorf("%q: %q %d code %d, want %d", in, host, port, code, want)
		}
	}
}

func FuzzGreet(f *testing.F) {
	f.Add([]byte("\x05\x01\x00\x05\x01\x00\x03\x04pi.x\x1f\x90"))
	f.Add([]byte("\x05\x01\x00\x05\x01\x00\x04"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if host, _, code := greet(wire{bytes.NewReader(in), io.Discard}); code == socksDone && (host == "" || len(host) > 255) {
			t.Errorf("granted %q", host)
		}
	})
}
