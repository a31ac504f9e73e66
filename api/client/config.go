package client

import "context"

// Schemas of the configuration's documents.
const (
	SchemaConfig = "caracal.config/1"
	SchemaReload = "caracal.reload/1"
)

// A Config is the configuration: every key, its value, and who gave it.
type Config struct {
	Schema   string    `json:"schema"`
	File     string    `json:"file"`
	Running  bool      `json:"running"` // the node's own; else what one would start with
	Settings []Setting `json:"settings"`
}

// A Setting is one key.
type Setting struct {
	Key     string `json:"key"`
	Value   any    `json:"value"`   // text, bool, or list of texts
	Default any    `json:"default"` // likewise
	Origin  string `json:"origin"`  // "default", "FILE:LINE", "$VARIABLE", "--flag"
	Live    bool   `json:"live"`    // takes effect without a new start
	Help    string `json:"help"`
}

// A Reload is what came of reading the file again.
type Reload struct {
	Schema  string   `json:"schema"`
	Applied []string `json:"applied"` // keys that have a new value, which holds now
	Restart []string `json:"restart"` // keys that have one, which holds from the next start on
}

// Config is the configuration of the running node.
func (c *Client) Config(ctx context.Context) (d Config, err error) {
	return d, c.get(ctx, "/v1/config", nil, &d)
}

// Reload has the node read its configuration file again. A file with mistakes changes nothing (BadConfig).
func (c *Client) Reload(ctx context.Context) (d Reload, err error) {
	return d, c.post(ctx, "/v1/config/reload", nil, &d)
}
