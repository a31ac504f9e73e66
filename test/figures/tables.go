package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/simnet/kadnet"
)

// loadTables reads what was measured before, and measures the sizes given anew.
func loadTables(file, sizes string) (all []kadnet.Result, err error) {
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(data, &all); err != nil {
			return nil, err
		}
	}
	if sizes == "" {
		return all, nil
	}
	for _, text := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		r := kadnet.Run(kadnet.R12(n, 1))
		log.Print(r)
		all = slices.DeleteFunc(all, func(o kadnet.Result) bool { return o.Nodes == n })
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b kadnet.Result) int { return a.Nodes - b.Nodes })
	if data, err = json.MarshalIndent(all, "", "\t"); err != nil {
		return nil, err
	}
	return all, os.WriteFile(file, append(data, '\n'), 0o644)
}

// A fit is value = a + b·log₂ N, by least squares.
type fit struct{ a, b float64 }

func fitOf(all []kadnet.Result, of func(kadnet.Result) float64) (f fit) {
	var n, x, y, xx, xy float64
	for _, r := range all {
		l, v := math.Log2(float64(r.Nodes)), of(r)
		n, x, y, xx, xy = n+1, x+l, y+v, xx+l*l, xy+l*v
	}
	if d := n*xx - x*x; d != 0 {
		f.b = (n*xy - x*y) / d
		f.a = (y - f.b*x) / n
	}
	return f
}

func (f fit) at(nodes float64) float64 { return f.a + f.b*math.Log2(nodes) }

func p50(r kadnet.Result) float64    { return float64(r.P50 / time.Millisecond) }
func bytes_(r kadnet.Result) float64 { return r.Bytes }

// million is what is extrapolated to.
const million = 1e6

func tableOf(all []kadnet.Result) string {
	var b strings.Builder
	b.WriteString("| nodes | lookups | newest found | only an old one | p50 | p95 | p99 | questions | each sends | entries, of them liars, dead |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range all {
		fmt.Fprintf(&b, "| %d | %d | %.2f %% | %.2f %% | %d ms | %d ms | %d ms | %.0f | %.0f B/s | %.0f, %.1f %%, %.1f %% |\n", r.Nodes, r.Lookups, 100*r.Success, 100*r.Stale,
			r.P50.Milliseconds(), r.P95.Milliseconds(), r.P99.Milliseconds(), r.Asked, r.Bytes, r.Entries, 100*r.Liars, 100*r.Dead)
	}
	entries := fitOf(all, func(r kadnet.Result) float64 { return r.Entries })
	fmt.Fprintf(&b, "| *1,000,000, extrapolated* | | | | %.0f ms | | | %.0f | %.0f B/s | %.0f |\n",
		fitOf(all, p50).at(million),
		fitOf(all, func(r kadnet.Result) float64 { return r.Asked }).at(million), fitOf(all, bytes_).at(million), entries.at(million))
	return b.String()
}

// writePlots draws latency and traffic over the number of nodes.
func writePlots(folder string, all []kadnet.Result) error {
	for _, p := range []struct {
		file, title, unit string
		bar, top          float64
		of                func(kadnet.Result) float64
	}{
		{"latency.svg", "a lookup, median", "ms", 1500, 1600, p50},
		{"traffic.svg", "what a node sends", "B/s", 200, 220, bytes_},
	} {
		if err := os.WriteFile(filepath.Join(folder, p.file), []byte(plot(all, p.title, p.unit, p.bar, p.top, p.of)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// plot is a picture of one figure over the number of nodes, with the bar and the line on to a million.
func plot(all []kadnet.Result, title, unit string, bar, top float64, of func(kadnet.Result) float64) string {
	const width, height, left, right, above, below = 640, 300, 60, 20, 40, 40
	x := func(nodes float64) float64 { return left + (math.Log10(nodes)-3)/3*(width-left-right) }
	y := func(v float64) float64 { return height - below - v/top*(height-above-below) }
	f := fitOf(all, of)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/><text x="%d" y="22" font-size="15" fill="#222">%s (%s)</text>`+"\n", width, height, left, title, unit)
	for _, n := range []float64{1e3, 1e4, 1e5, 1e6} {
		fmt.Fprintf(&b, `<line x1="%.0f" x2="%.0f" y1="%d" y2="%d" stroke="#ddd"/><text x="%.0f" y="%d" text-anchor="middle" fill="#555">%.0f</text>`+"\n", x(n), x(n), above, height-below, x(n), height-below+18, n)
	}
	for i := range 5 {
		v := math.Round(top * float64(i) / 4)
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.0f" y2="%.0f" stroke="#eee"/><text x="%d" y="%.0f" text-anchor="end" fill="#555">%.0f</text>`+"\n", left, width-right, y(v), y(v), left-6, y(v)+4, v)
	}
	fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#c33" stroke-dasharray="6 4"/><text x="%d" y="%.1f" text-anchor="end" fill="#c33">bar %.0f</text>`+"\n", left, width-right, y(bar), y(bar), width-right-4, y(bar)-5, bar)
	fmt.Fprintf(&b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#27c" stroke-dasharray="2 4"/>`+"\n", x(1e3), y(f.at(1e3)), x(1e6), y(f.at(1e6)))
	for _, r := range all {
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="5" fill="#27c"/><text x="%.1f" y="%.1f" text-anchor="middle" fill="#222">%.0f</text>`+"\n", x(float64(r.Nodes)), y(of(r)), x(float64(r.Nodes)), y(of(r))-10, of(r))
	}
	fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="5" fill="#fff" stroke="#27c"/><text x="%.1f" y="%.1f" text-anchor="end" fill="#222">about %.0f</text>`+"\n</svg>\n", x(1e6), y(f.at(1e6)), x(1e6)-8, y(f.at(1e6))-10, f.at(1e6))
	return b.String()
}
