package share

import (
	"errors"
	"fmt"
)

// ErrNoReply is returned by Send when the peer never answered the offer.
var ErrNoReply = errors.New("share: no reply")

// ErrUnknownItem is returned by Decide when no offer has that id.
var ErrUnknownItem = errors.New("share: no such offer")

// ErrDecided is returned by Decide when the offer does not wait any more.
var ErrDecided = errors.New("share: offer is not waiting")

// ErrCancelled is returned by Send and Fetch when somebody cancelled the transfer (Cancel).
var ErrCancelled = errors.New("share: cancelled")

// ErrNoTransfer is returned by Pause and Cancel when no transfer has that id.
var ErrNoTransfer = errors.New("share: no such transfer")

// An InterruptedError tells that a transfer ended before its time and that the
// same Send goes on where it stopped.
type InterruptedError struct {
	Sent, Total int64 // bytes of content the peer has, and of all files
	Why         string
}

func (e *InterruptedError) Error() string {
	return fmt.Sprintf("share: interrupted after %d of %d bytes: %s", e.Sent, e.Total, e.Why)
}

// A RefusedError tells that the receiver did not want the files (spec F1, REJECT).
type RefusedError struct {
	Code   uint64
	Reason string // the receiver's words, not escaped
}

func (e *RefusedError) Error() string { return "share: refused: " + e.Reason }

// A VerifyError tells that content did not match its hash (spec F4.3).
type VerifyError struct{ What string }

func (e *VerifyError) Error() string { return "share: verification failed: " + e.What }

// A PeerError tells that the other side gave up (spec F1, FAIL).
type PeerError struct {
	Code   uint64
	Reason string // the peer's words, not escaped
}

func (e *PeerError) Error() string { return "share: the other side failed: " + e.Reason }

// A SourceError tells that a path to send cannot be read.
type SourceError struct {
	Path string
	Err  error
}

func (e *SourceError) Error() string { return "share: cannot read " + e.Path + ": " + e.Err.Error() }

func (e *SourceError) Unwrap() error { return e.Err }

// A SkippedError tells that all files arrived but these (spec F4.5).
type SkippedError struct{ Files []string }

func (e *SkippedError) Error() string { return fmt.Sprintf("share: %d files left out", len(e.Files)) }

// A protocolError is a rule of the spec broken by the peer.
type protocolError string

func (e protocolError) Error() string { return "share: protocol: " + string(e) }

// IsDiskFull reports whether err says that the disk here, or our share of it, is full.
func IsDiskFull(err error) bool { return isFull(err) }
