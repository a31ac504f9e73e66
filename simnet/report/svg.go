package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caracal-mesh/caracal/simnet"
)

// JSON is the recording itself, to be drawn later.
func JSON(r *simnet.Recording) []byte {
	data, err := json.Marshal(r)
	if err != nil {
		panic("BUG: a recording that is no JSON: " + err.Error())
	}
	return append(data, '\n')
}

// lossColours are those of a link that loses so many tenths.
var lossColours = [...]string{"#4c9aa8", "#9aa53b", "#d9a40a", "#e8710a", "#e8710a", "#c92a2a", "#c92a2a", "#c92a2a", "#c92a2a", "#c92a2a"}

// A canvas is a picture being drawn, in pixels.
type canvas struct {
	strings.Builder
	scale  float64
	dx, dy float64
}

// SVG draws the topology as it was at the end.
func SVG(r *simnet.Recording) []byte {
	spots, hubs := layout(r)
	var end simnet.Frame
	if len(r.Frames) > 0 {
		end = r.Frames[len(r.Frames)-1]
		end.Loss = recent(r)
	}
	if r.Moving && len(end.Places) == 2*len(spots) {
		for i := range spots {
			spots[i] = spot{float64(end.Places[2*i]), float64(end.Places[2*i+1])}
		}
	}
	c := newCanvas(r, spots, hubs)
	c.links(r, &end, spots, hubs)
	for i, n := range r.Nodes {
		fill := "#0b7285"
		switch {
		case n.Role != "":
			fill = "#ae3ec9"
		case i < len(end.States) && end.States[i] != '1':
			fill = "#cfd4d6"
		}
		x, y := c.at(spots[i])
		fmt.Fprintf(c, `<circle cx="%.1f" cy="%.1f" r="7" fill="%s"><title>%s</title></circle>`+"\n", x, y, fill, escape(n.Name))
		if len(r.Nodes) <= 60 {
			fmt.Fprintf(c, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", x, y-11, escape(n.Name))
		}
	}
	c.WriteString("</svg>\n")
	return []byte(c.String())
}

// recent is the loss of each way when something was last sent on it, not more than
// about as long ago as a quiet neighbour stays silent.
func recent(r *simnet.Recording) string {
	const silence = 9 // seconds
	loss := bytes.Repeat([]byte{'-'}, len(r.Ways))
	first := max(0, len(r.Frames)-1-int(silence/r.Step))
	for _, f := range r.Frames[first:] {
		for i := range f.Loss {
			if f.Loss[i] != '-' {
				loss[i] = f.Loss[i]
			}
		}
	}
	return string(loss)
}

// newCanvas begins a picture in which all spots have room.
func newCanvas(r *simnet.Recording, spots []spot, hubs []hub) *canvas {
	const width, margin = 1000, 50
	low, high := spots[0], spots[0]
	note := func(s spot) {
		low = spot{min(low.X, s.X), min(low.Y, s.Y)}
		high = spot{max(high.X, s.X), max(high.Y, s.Y)}
	}
	for _, s := range spots {
		note(s)
	}
	for _, h := range hubs {
		note(h.spot)
	}
	c := &canvas{scale: (width - 2*margin) / max(high.X-low.X, high.Y-low.Y, 1e-6)}
	c.dx, c.dy = margin-low.X*c.scale, margin-low.Y*c.scale
	w, h := (high.X-low.X)*c.scale+2*margin, (high.Y-low.Y)*c.scale+2*margin
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="system-ui, sans-serif" font-size="12">`+"\n", w, h)
	fmt.Fprintf(c, "<title>%s, seed %d</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", escape(r.Result.Name), r.Result.Seed)
	return c
}

func (c *canvas) at(s spot) (x, y float64) { return s.X*c.scale + c.dx, s.Y*c.scale + c.dy }

func (c *canvas) line(a, b spot, colour, more string) {
	x1, y1 := c.at(a)
	x2, y2 := c.at(b)
	fmt.Fprintf(c, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="2"%s/>`+"\n", x1, y1, x2, y2, colour, more)
}

// links draws the links, and of radios the pairs that heard each other at the end.
func (c *canvas) links(r *simnet.Recording, end *simnet.Frame, spots []spot, hubs []hub) {
	for i, l := range r.Links {
		colour, more := worst(r, end, i), ""
		if i < len(end.Up) && end.Up[i] != '1' {
			colour, more = "#c92a2a", ` stroke-dasharray="6 6"`
		}
		if !l.Air && len(l.Nodes) == 2 {
			c.line(spots[l.Nodes[0]], spots[l.Nodes[1]], colour, more)
		}
		for _, h := range hubs {
			if h.Link == i {
				for _, n := range l.Nodes {
					c.line(spots[n], h.spot, colour, more)
				}
			}
		}
	}
	for i, w := range r.Ways {
		if r.Links[w.Link].Air && i < len(end.Loss) && end.Loss[i] != '-' {
			c.line(spots[w.A], spots[w.B], lossColours[end.Loss[i]-'0'], "")
		}
	}
}

// worst is the colour of the greatest loss on a link at the end.
func worst(r *simnet.Recording, end *simnet.Frame, l int) string {
	most := byte('0')
	for i, w := range r.Ways {
		if w.Link == l && i < len(end.Loss) && end.Loss[i] != '-' {
			most = max(most, end.Loss[i])
		}
	}
	return lossColours[min(most-'0', 9)]
}
