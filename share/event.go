package share

import (
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// An EventKind says what an Event tells.
type EventKind string

// The events of a transfer, in the order they come. After Accepted there is any
// number of Progress; Retrying can lead back to Accepted.
const (
	Scanned  EventKind = "offer"    // What, Files, Total are known
	Warning  EventKind = "warning"  // Text: a path left out, and why
	Waiting  EventKind = "waiting"  // the receiver asks a person; Text is its reason
	Accepted EventKind = "accepted" // Text is the rule
	Resuming EventKind = "resuming" // There and ThereFiles are at the receiver already, by its word
	Progress EventKind = "progress"
	Paused   EventKind = "paused"   // by a person here, until it is resumed
	Retrying EventKind = "retrying" // there is no stream; Text says why
	Finished EventKind = "done"     // Hash is the transfer hash
)

// An Event tells how a transfer goes. Text and names come from the network or a
// disk and are not escaped.
type Event struct {
	Kind       EventKind
	ID         string // short id of the transfer
	Peer       sid.SID
	What       string // its title
	Files      int    // files in it
	Done       int    // files that are complete at the receiver
	Bytes      int64  // bytes at the receiver, including those of earlier attempts
	Resumed    int64  // of these, bytes that were there before
	Total      int64  // bytes in all files
	There      int64  // bytes the receiver says it has, of ThereFiles complete files and parts
	ThereFiles int
	Rate       float64       // bytes per second, of this attempt
	Elapsed    time.Duration // since accepted
	File       string        // being sent
	Text       string
	Patience   time.Duration // of Retrying: how long it tries
	Path       string        // of a finished Fetch: what was fetched, on our disk
	Hash       string
}
