// Package report draws recordings of simulated worlds: a page of its own, with
// nothing to fetch, for looking at in a browser, and pictures of the topology.
package report

import (
	_ "embed" // the page's parts
	"encoding/json"
	"strings"

	"github.com/caracal-mesh/caracal/simnet"
)

var (
	//go:embed page.html
	page string
	//go:embed page.css
	style string
	//go:embed page.js
	script string
	//go:embed topology.js
	topology string
	//go:embed plots.js
	plots string
)

// A document is what the page draws.
type document struct {
	*simnet.Recording
	Spots   []spot   `json:"spots"`   // where the nodes are drawn in the beginning
	Hubs    []hub    `json:"hubs"`    // the shared segments
	Reasons []string `json:"reasons"` // of drops
	Summary string   `json:"summary"` // the result as text
}

// HTML makes the page. The same recording gives the same page.
func HTML(r *simnet.Recording) []byte {
	spots, hubs := layout(r)
	data, err := json.Marshal(document{r, spots, hubs, simnet.Reasons(), r.Result.Text(0)})
	if err != nil {
		panic("BUG: a recording that is no JSON: " + err.Error())
	}
	return []byte(strings.NewReplacer(
		"{{title}}", escape(r.Result.Name),
		"{{style}}", style,
		"{{script}}", topology+plots+script,
		"{{data}}", string(data), // json escapes < and >
	).Replace(page))
}

// escape makes text safe within HTML and SVG.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
