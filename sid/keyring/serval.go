package keyring

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/caracal-mesh/caracal/sid"
)

// maxDump is the most bytes of a dump that are read, maxDumped the most identities in it.
const (
	maxDump   = 1 << 20
	maxDumped = 256
)

var (
	// ErrNoSeed tells that the text holds no identity of Serval with its secret.
	ErrNoSeed = errors.New("keyring: no Serval identity with its secret")
	// ErrOldServal tells that a Serval identity was made before its keys came from one seed: its SID
	// cannot verify its signatures, so it cannot live here.
	ErrOldServal = errors.New("keyring: Serval identity whose keys do not come from one seed")
)

// ParseServal reads identities of Serval DNA (spec I6.7): a seed of 64 hex digits, or what
// servald prints as a keyring dump with secrets. Labels are the names in it, where they
// are fit. Errors: ErrNoSeed, ErrOldServal, ErrMismatch.
func ParseServal(text []byte) ([]Entry, error) {
	if len(text) > maxDump {
		return nil, ErrNoSeed
	}
	trimmed := strings.TrimSpace(string(text))
	var seed [32]byte
	if unhex(seed[:], trimmed) {
		return []Entry{{Identity: sid.FromSeed(seed)}}, nil
	}
	return parseDump(trimmed)
}

// A dumped is the lines of one number in a dump.
type dumped struct {
	number int
	entry  Entry
	old    bool // has separate keys
}

// parseDump reads lines of "number: type=n(NAME)  field=value …".
func parseDump(text string) (found []Entry, err error) {
	var all []*dumped
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		d, rest := place(&all, line)
		if d == nil {
			return nil, ErrNoSeed
		}
		if err := d.line(rest); err != nil {
			return nil, fmt.Errorf("identity %d: %w", d.number, err)
		}
	}
	for _, d := range all {
		switch {
		case d.entry.Identity != nil:
			found = append(found, d.entry)
		case d.old:
			return nil, fmt.Errorf("identity %d: %w", d.number, ErrOldServal)
		}
	}
	if found == nil {
		return nil, ErrNoSeed
	}
	return found, nil
}

// place finds the identity that a line is about, nil when the line has no number.
func place(all *[]*dumped, line string) (d *dumped, rest string) {
	digits, rest, ok := strings.Cut(line, ": ")
	number, err := strconv.Atoi(digits)
	if !ok || err != nil || number < 0 {
		return nil, ""
	}
	for _, d := range *all {
		if d.number == number {
			return d, rest
		}
	}
	if len(*all) == maxDumped {
		return nil, ""
	}
	d = &dumped{number: number}
	*all = append(*all, d)
	return d, rest
}

// line takes one key of an identity.
func (d *dumped) line(rest string) error {
	kind, rest, _ := strings.Cut(rest, " ")
	kind, _, _ = strings.Cut(kind, "(")
	switch kind {
	case "type=1", "type=2":
		d.old = true
	case "type=4":
		if _, name, ok := strings.Cut(rest, `Name="`); ok {
			name, _, _ = strings.Cut(name, `"`)
			if sid.CheckName(name) == nil && len(name) <= maxLabel {
				d.entry.Label = name
			}
		}
	case "type=6":
		return d.combined(rest)
	}
	return nil
}

// combined takes the key from which all others come: secret = seed 32, Ed25519 key 32, X25519
// scalar 32; public = Ed25519 key 32, SID 32.
func (d *dumped) combined(rest string) error {
	var public [64]byte
	var secret [96]byte
	known, got := false, false
	for _, field := range strings.Fields(rest) {
		if value, ok := strings.CutPrefix(field, "pub="); ok {
			known = unhex(public[:], value)
		}
		if value, ok := strings.CutPrefix(field, "sec="); ok {
			got = unhex(secret[:], value)
		}
	}
	if !got {
		return ErrNoSeed
	}
	id := sid.FromSeed([32]byte(secret[:32]))
	clear(secret[:])
	if known && id.SID() != sid.SID(public[32:]) {
		return ErrMismatch
	}
	d.entry.Identity = id
	return nil
}
