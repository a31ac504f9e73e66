package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// Capture writes the node's packets to w as pcapng until ctx ends, and gives how many bytes there were. With opened the insides
// of those that are the node's own are among them.
func (c *Client) Capture(ctx context.Context, opened bool, w io.Writer) (n int64, err error) {
	resp, err := c.do(ctx, http.MethodGet, "/v1/capture?"+url.Values{"opened": {strconv.FormatBool(opened)}}.Encode(), nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err = io.Copy(w, resp.Body)
	switch {
	case ctx.Err() != nil:
		return n, ctx.Err()
	case err == nil:
		err = Errorf(NotRunning, "caracal stopped. What was captured until then is complete.")
	}
	return n, err
}
