package client

import (
	"context"
	"encoding/json"
	"net/url"
)

// Document is the document at a path of the node's API as it is written there, for who passes it on.
func (c *Client) Document(ctx context.Context, path string, q url.Values) (doc json.RawMessage, err error) {
	return doc, c.get(ctx, path, q, &doc)
}
