package client

import (
	"context"
	"net/url"
)

// SchemaFind is that of what find and register print.
const SchemaFind = "caracal.find/1"

// A Find is what was found in the directories of the nodes at which this one is registered.
type Find struct {
	Schema   string   `json:"schema"`
	Asked    []string `json:"asked"`    // SIDs of the nodes that answered
	Complete bool     `json:"complete"` // false: there are more than 100
	Found    []Entry  `json:"found"`
}

// An Entry is one node in a directory. What it tells of itself nobody has checked.
type Entry struct {
	SID       string   `json:"sid"`
	Host      string   `json:"host"`
	Owner     string   `json:"owner"`
	City      string   `json:"city"`
	Region    string   `json:"region"`
	Country   string   `json:"country"`
	Endpoints []string `json:"endpoints"`
	Seen      string   `json:"seen"` // where the node asked sees it; "" = they are no neighbours
	At        string   `json:"at"`   // SID of the node asked
}

// Find looks for nodes by words, or by a SID.
func (c *Client) Find(ctx context.Context, words string) (f Find, err error) {
	return f, c.get(ctx, "/v1/find", url.Values{"words": {words}}, &f)
}

// Register has this node found at peer by who is registered there too; off: not any more.
func (c *Client) Register(ctx context.Context, peer string, profile Entry, off bool) (e Entry, err error) {
	return e, c.post(ctx, "/v1/register", map[string]any{"peer": peer, "profile": profile, "off": off}, &e)
}
