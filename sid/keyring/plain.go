package keyring

import (
	"encoding/hex"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// plainMagic is the first line of a plain key file; its last word is the version (spec I4.1).
const plainMagic = "caracal identity 1"

// Marshal gives the entry as the bytes of a plain key file, secret included
// (spec I4.1). Whoever stores them makes sure that nobody else reads them (spec I4.3).
func Marshal(e Entry) []byte {
	seed := e.Identity.Seed()
	text := plainMagic + "\n" +
		"# Secret: whoever has this file is you.\n" +
		"sid " + e.Identity.SID().String() + "\n" +
		"seed " + hex.EncodeToString(seed[:]) + "\n"
	if e.Label != "" {
		text += "label " + e.Label + "\n"
	}
	if !e.Created.IsZero() {
		text += "created " + e.Created.UTC().Format(time.RFC3339) + "\n"
	}
	return []byte(text)
}

// parsePlain reads what comes after the magic.
func parsePlain(text string) (Entry, error) {
	values, ok := fields(text, "sid", "seed", "label", "created")
	if !ok {
		return Entry{}, ErrCorrupt
	}
	var name, seed [32]byte
	if !unhex(name[:], values["sid"]) || !unhex(seed[:], values["seed"]) {
		return Entry{}, ErrCorrupt
	}
	e := Entry{Identity: sid.FromSeed(seed), Label: values["label"]}
	if e.Identity.SID() != sid.SID(name) {
		return Entry{}, ErrMismatch
	}
	if _, given := values["label"]; given && sid.CheckName(e.Label) != nil {
		return Entry{}, ErrCorrupt
	}
	if at, given := values["created"]; given {
		created, err := time.Parse(time.RFC3339, at)
		if err != nil || created.IsZero() {
			return Entry{}, ErrCorrupt
		}
		e.Created = created.UTC()
	}
	return e, nil
}

// unhex fills into from exactly so many digits.
func unhex(into []byte, text string) bool {
	if len(text) != 2*len(into) {
		return false
	}
	_, err := hex.Decode(into, []byte(text))
	return err == nil
}
