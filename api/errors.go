package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/share"
	"github.com/caracal-mesh/caracal/sid"
)

// explain turns any error into what a person is told.
func explain(err error) *client.Error {
	var told *client.Error
	if errors.As(err, &told) {
		return told
	}
	return client.Errorf(client.Failed, "%s", client.Printable(err.Error()))
}

// resolve finds the peer meant by a text.
func (s *Server) resolve(text string) (sid.SID, error) {
	peer, err := s.Host.Resolve(text)
	if err == nil {
		return peer, nil
	}
	shown := client.Printable(text)
	var many *sid.AmbiguousError
	switch {
	case errors.As(err, &many):
		list := make([]string, len(many.Matches))
		for i, m := range many.Matches {
			list[i] = fmt.Sprintf("%s (%s)", s.nameOf(m), m.Short())
		}
		return peer, errorf(client.UnknownPeer, "\"%s\" matches %d peers: %s. Use a longer name.", shown, len(list), strings.Join(list, ", "))
	case errors.Is(err, sid.ErrChecksum):
		return peer, errorf(client.UnknownPeer, "\"%s\" has a typing error: its check digits do not fit.", shown)
	case errors.Is(err, sid.ErrWeak):
		return peer, errorf(client.UnknownPeer, "\"%s\" cannot be anybody's SID.", shown)
	}
	return peer, errorf(client.UnknownPeer, "nobody here is called \"%s\". Who is around: caracal peers", shown)
}

// sendError tells why a transfer did not complete.
func (s *Server) sendError(peer sid.SID, what string, total int64, err error) error {
	name := s.nameOf(peer)
	var source *share.SourceError
	var refused *share.RefusedError
	var verify *share.VerifyError
	var peers *share.PeerError
	var skipped *share.SkippedError
	var cut *share.InterruptedError
	switch {
	case errors.As(err, &source):
		return errorf(client.Failed, "cannot send %s: %s", client.Printable(source.Path), reason(source.Err))
	case errors.As(err, &refused) && refused.Code == share.RejectedByPerson:
		return errorf(client.Refused, "%s declined %s (%s).", name, client.Printable(what), share.Size(total))
	case errors.As(err, &refused):
		return errorf(client.Refused, "%s declined %s (%s): %s", name, client.Printable(what), share.Size(total), client.Printable(refused.Reason))
	case errors.As(err, &verify):
		return errorf(client.NotVerified, "verification failed: %s. Nothing wrong was kept; send it again.", client.Printable(verify.What))
	case errors.As(err, &peers):
		return s.peerError(name, peers)
	case errors.As(err, &skipped):
		return errorf(client.Failed, "all but this was sent: %s", client.Printable(strings.Join(firstOf(skipped.Files, 3), "; ")))
	case errors.Is(err, share.ErrCancelled):
		return errorf(client.Interrupted, "cancelled by caracal transfers cancel. Continue any time with the same command (kept 30 days on %s).", name)
	case errors.As(err, &cut):
		return errorf(client.Interrupted, "lost %s at %s of %s. Continue any time with the same command (kept 30 days on %s).",
			name, share.Size(cut.Sent), share.Size(cut.Total), name)
	case errors.Is(err, share.ErrNoReply):
		return errorf(client.NoReply, "%s does not answer. Is it there? Try: caracal ping %s", name, name)
	}
	return s.netError(peer, err)
}

// peerError is a FAIL of the receiver.
func (s *Server) peerError(name string, e *share.PeerError) error {
	switch e.Code {
	case share.FailVerify:
		return errorf(client.NotVerified, "%s found that verification failed: %s. Nothing wrong was kept; send it again.", name, client.Printable(e.Reason))
	case share.FailDiskFull:
		return errorf(client.Failed, "disk full on %s. Make room there, then continue with the same command.", name)
	}
	if e.Code == share.FailCancelled {
		return errorf(client.Refused, "%s cancelled it.", name)
	}
	return errorf(client.Failed, "%s could not take it: %s", name, client.Printable(e.Reason))
}

// netError tells why a peer cannot be reached.
func (s *Server) netError(peer sid.SID, err error) error {
	name := s.nameOf(peer)
	switch {
	case errors.Is(err, overlay.ErrNoRoute):
		if e, err := s.Host.Explain(peer); err == nil && e.Left {
			return errorf(client.NoReply, "%s was stopped %v ago, and said so. Start it there with: caracal up", name, e.Now.Sub(e.Since).Round(time.Second))
		}
		return errorf(client.NoReply, "there is no way to %s now. Who is around: caracal peers", name)
	case errors.Is(err, msp.ErrRefused):
		return errorf(client.Refused, "%s does not take files.", name)
	case errors.Is(err, msp.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return errorf(client.NoReply, "%s does not answer. Is it there? Try: caracal ping %s", name, name)
	}
	return errorf(client.Failed, "%s", client.Printable(err.Error()))
}

// firstOf is the first so many of a list, and how many more there are.
func firstOf(list []string, most int) []string {
	if len(list) <= most {
		return list
	}
	return append(slices.Clone(list[:most]), fmt.Sprintf("and %d more", len(list)-most))
}

// reason is the last part of a chain of errors.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return client.Printable(err.Error())
}
