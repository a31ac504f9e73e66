package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/caracal-mesh/caracal/api/client"
)

// document prints a JSON document: pretty on a terminal, on one line otherwise.
func (c *command) document(doc any) error {
	e := json.NewEncoder(c.out)
	if isTerminal(c.out) {
		e.SetIndent("", "  ")
	}
	return e.Encode(doc)
}

// line prints one line of JSON.
func (c *command) line(doc any) { writeLine(c.out, doc) }

func writeLine(f *os.File, doc any) { json.NewEncoder(f).Encode(doc) }

func (c *command) printf(format string, args ...any) { fmt.Fprintf(c.out, format, args...) }

// say prints what is not data.
func (c *command) say(format string, args ...any) {
	if !c.quiet {
		fmt.Fprintf(c.err, format, args...)
	}
}

// done prints what a verb has changed that has no document of its own.
func (c *command) done(format string, args ...any) {
	switch {
	case c.json:
		_ = c.document(client.Done{Schema: client.SchemaDone, Text: strings.TrimSpace(fmt.Sprintf(format, args...))})
	case !c.quiet:
		c.printf(format, args...)
	}
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// cut shortens a line to so many characters; 0 = as long as it is.
func cut(line string, most int) string {
	if most <= 1 || utf8.RuneCountInString(line) <= most {
		return line
	}
	return string([]rune(line)[:most-1]) + "…"
}

// short is the first digits of a SID in hex.
func short(sid string) string { return sid[:min(8, len(sid))] }

// named is a name as shown, "(new)" when there is none.
func named(name string) string {
	if name == "" {
		return "(new)"
	}
	return client.Printable(name)
}

// callIt is how to name a peer in the next command.
func callIt(name, sid string) string {
	if name == "" {
		return short(sid)
	}
	return client.Printable(name)
}

func rtt(ms float64) string {
	if ms == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f ms", ms)
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", share*100) }

func hops(n int) string {
	if n == 1 {
		return "1 hop"
	}
	return fmt.Sprintf("%d hops", n)
}

// span is a duration in its two largest units.
func span(seconds float64) string {
	d := time.Duration(seconds) * time.Second
	switch h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60; {
	case seconds < 0:
		return "–"
	case h >= 48:
		return fmt.Sprintf("%dd%dh", h/24, h%24)
	case h > 0:
		return fmt.Sprintf("%dh%dm", h, m)
	case m > 0:
		return fmt.Sprintf("%dm%ds", m, s)
	default:
		return fmt.Sprintf("%d s", s)
	}
}
