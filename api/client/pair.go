package client

import (
	"context"
	"net/http"
	"net/url"
)

// A Pairing is a line of Invite and Join: event "code" with Code, Ticket and Expires; "found" with SID and Name; "words"
// with Words and ID, to be answered by Compare; "done".
type Pairing struct {
	Schema  string  `json:"schema"`
	Event   string  `json:"event"`
	Code    string  `json:"code,omitempty"`
	Ticket  string  `json:"ticket,omitempty"`
	Expires float64 `json:"expires_s,omitempty"`
	SID     string  `json:"sid,omitempty"`
	Name    string  `json:"name,omitempty"` // what it calls itself; of "done": how it is called here. Not escaped
	Words   string  `json:"words,omitempty"`
	ID      string  `json:"id,omitempty"`
}

// Invite opens an invitation until ctx ends, calling each for every line.
func (c *Client) Invite(ctx context.Context, each func(Pairing)) error {
	return stream(ctx, c, http.MethodPost, "/v1/invite", struct{}{}, each)
}

// Join pairs with who has the invitation of a code, or with whom a ticket names.
func (c *Client) Join(ctx context.Context, text string, each func(Pairing)) error {
	return stream(ctx, c, http.MethodPost, "/v1/join", map[string]string{"text": text}, each)
}

// Compare answers whether the words of a pairing are on the other screen too.
func (c *Client) Compare(ctx context.Context, id string, same bool) error {
	word := "differ"
	if same {
		word = "same"
	}
	return c.post(ctx, "/v1/pair/"+url.PathEscape(id)+"/"+word, nil, nil)
}
