package host

import (
	"slices"
	"strings"

	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/overlay"
)

// notes are what the user should know, one line per subject.
type notes []noted

type noted struct{ subject, text string }

// set says text of the subject; "" says nothing any more.
func (n *notes) set(subject, text string) {
	*n = slices.DeleteFunc(*n, func(o noted) bool { return o.subject == subject })
	if text != "" {
		*n = append(*n, noted{subject, text})
	}
}

func (n notes) lines() []string {
	out := []string{}
	for _, o := range n {
		out = append(out, o.text)
	}
	slices.SortFunc(out, strings.Compare)
	return out
}

// note sets a note of the host.
func (h *Host) note(subject, text string) {
	h.mu.Lock()
	h.notes.set(subject, text)
	h.mu.Unlock()
	if text != "" {
		h.log.Warn(text)
	}
}

// alone reports whether the node has no neighbour.
func (h *Host) alone() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !slices.ContainsFunc(h.node.Mesh().Nodes(), func(n overlay.Node) bool { return n.Hop.Hops == 1 })
}

func (h *Host) mdnsNote(text string) { h.note("mdns", text) }

// trace is the node's sink: what is worth a line goes to the log.
func (h *Host) trace(e trace.Event) {
	switch e.Kind {
	case trace.NeighbourUp, trace.NeighbourSuspect, trace.NeighbourDown, trace.PathChanged, trace.Note:
		h.log.Info(e.Kind.String(), "peer", e.Peer.Short(), "path", e.Path.String(), "reason", e.Reason)
	case trace.RouteChanged, trace.SessionUp, trace.SessionDown:
		h.log.Debug(e.Kind.String(), "peer", e.Peer.Short(), "dst", e.Dst.Short(), "hops", e.Size, "reason", e.Reason)
	}
	h.cfg.Trace.Emit(e)
}
