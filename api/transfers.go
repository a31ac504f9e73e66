package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/share"
)

// transfers lists what is being sent, fetched and received.
func (s *Server) transfers(*http.Request) (any, error) {
	doc := client.Transfers{Schema: client.SchemaTransfers, Transfers: []client.TransferLook{}}
	for _, t := range s.Exchange.Transfers() {
		doc.Transfers = append(doc.Transfers, s.look(t))
	}
	return doc, nil
}

func (s *Server) look(t share.Transfer) client.TransferLook {
	doc := client.TransferLook{
		ID: t.ID, Direction: string(t.Direction), State: string(t.Kind), Peer: t.Peer.String(), PeerName: s.nameOf(t.Peer),
		What: t.What, Files: t.Files, Bytes: t.Bytes, Total: t.Total, Rate: client.Round(t.Rate, 0),
	}
	if t.Paused {
		doc.State = string(share.Paused)
	}
	return doc
}

// control pauses, resumes or cancels a transfer.
func (s *Server) control(r *http.Request) (any, error) {
	id := r.PathValue("id")
	shown := client.Printable(id)
	var t share.Transfer
	var err error
	switch verb := r.PathValue("verb"); verb {
	case "pause", "resume":
		t, err = s.Exchange.Pause(id, verb == "pause")
	case "cancel":
		t, err = s.Exchange.Cancel(id)
	default:
		return nil, errorf(client.Usage, "a transfer can be paused, resumed and cancelled.")
	}
	switch {
	case errors.Is(err, share.ErrNoTransfer):
		return nil, errorf(client.UnknownPeer, "no transfer \"%s\" is running. What runs: caracal transfers", shown)
	case errors.Is(err, share.ErrAmbiguous):
		return nil, errorf(client.UnknownPeer, "several transfers begin with \"%s\". Type more of it; what runs: caracal transfers", shown)
	case err != nil:
		return nil, err
	}
	doc := s.look(t)
	doc.Schema = client.SchemaTransfers
	return doc, nil
}

// strings3 is the first three of a list in one text, and how many more there are.
func strings3(list []string) string { return strings.Join(firstOf(list, 3), "; ") }
