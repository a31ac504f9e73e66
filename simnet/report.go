package simnet

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Text is the result for people: what was measured, then each expectation with
// ✓ or ✗. took is the real time of the run, 0 when it should not be shown.
func (r *Result) Text(took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s, seed %d\n", r.Name, plural(r.Nodes, "node"), plural(r.Links, "link"), r.Seed)
	fmt.Fprintf(&b, "simulated %s", Clock(r.Duration))
	if took > 0 {
		fmt.Fprintf(&b, " in %.2f s (%s×)", took.Seconds(), significant(r.Duration/took.Seconds()))
	}
	b.WriteString("\n")
	row := func(name, format string, args ...any) {
		if len(name) >= 22 {
			name += " " // two spaces end a name
		}
		fmt.Fprintf(&b, "  %-22s %s\n", name, fmt.Sprintf(format, args...))
	}
	if r.RoutesComplete == nil {
		row("routes complete", "never")
	} else {
		row("routes complete", "%s", Clock(*r.RoutesComplete))
	}
	for _, h := range r.Heals {
		row(h.What+" "+Clock(h.At), "%s", healText(h))
	}
	if r.Direct != nil {
		words := "not all ever did"
		if r.DirectAfter != nil {
			words = fmt.Sprintf("the last after %.1f s", *r.DirectAfter)
		}
		row("direct", "%.0f %% of the pairs that talk; %s", 100**r.Direct, words)
	}
	if r.Datagrams.Sent > 0 {
		row("datagrams", "%s", r.Datagrams.text("delivered"))
		if r.Datagrams.Apart > 0 {
			row("", "%s sent while nothing joined the two", thousands(r.Datagrams.Apart))
		}
	}
	if r.Pings.Sent > 0 {
		row("pings", "%s", r.Pings.text("answered"))
	}
	if r.Voice.Sent > 0 {
		row("voice", "%s", r.Voice.text("in time"))
	}
	if r.Requests.Sent > 0 {
		row("requests", "%s", r.Requests.text("answered"))
	}
	if r.Streams.Total > 0 {
		row("streams", "%s", r.Streams.text())
		for _, e := range r.Streams.Errors {
			row("", "%s", e)
		}
	}
	row("packets", "%s sent, %s, %.0f B/s per node", thousands(r.Packets.Sent), siBytes(r.Packets.SentBytes), r.NodeBytes)
	for _, d := range r.Packets.Dropped {
		row("", "%s dropped: %s", thousands(d.Count), d.Reason)
	}
	if r.Packets.Swallowed > 0 {
		row("", "%s swallowed by hostile nodes that should carry them", thousands(r.Packets.Swallowed))
	}
	for _, f := range r.Expect {
		b.WriteString(f.Text())
	}
	return b.String()
}

func healText(h Heal) string {
	if h.After == nil {
		return "routes not complete again"
	}
	return fmt.Sprintf("routes complete after %.1f s", *h.After)
}

func (d *Delivery) text(delivered string) string {
	s := fmt.Sprintf("%s sent, %s %s (%.1f %%)", thousands(d.Sent), thousands(d.Delivered), delivered, 100**d.share())
	if d.P50 != nil {
		s += fmt.Sprintf(", p50 %.1f ms, p95 %.1f ms", *d.P50, *d.P95)
	}
	return s
}

func (t *StreamTotal) text() string {
	s := fmt.Sprintf("%d of %d finished, %s", t.Finished, t.Total, siBytes(t.Bytes))
	if t.Goodput != nil {
		s += fmt.Sprintf(", goodput %s/s", siBytes(uint64(*t.Goodput/8)))
	}
	return s
}

// Text is the finding as a line: what was expected, ✓ or ✗, what was measured.
func (f *Finding) Text() string {
	got, mark := "not measured", "✗"
	switch {
	case f.Got != nil && f.Unit == inShare.name:
		got = fmt.Sprintf("%.1f %%", 100**f.Got)
	case f.Got != nil && f.Unit == inRate.name:
		got = siBytes(uint64(*f.Got/8)) + "/s"
	case f.Got != nil && f.Unit == inBytes.name:
		got = fmt.Sprintf("%.0f B/s", *f.Got)
	case f.Got != nil:
		got = fmt.Sprintf("%.1f s", *f.Got)
		if *f.Got < 1 {
			got = fmt.Sprintf("%.0f ms", 1000**f.Got)
		}
	}
	if f.OK {
		mark = "✓"
	}
	return fmt.Sprintf("expect  %-30s %s %s\n", f.Metric+" "+f.Want, mark, got)
}

// Clock writes seconds as minutes and seconds: 4:00, or 0:14.2.
func Clock(s float64) string {
	tenths := int64(s*10 + 0.5)
	text := fmt.Sprintf("%d:%02d", tenths/600, tenths/10%60)
	if tenths%10 != 0 {
		text += fmt.Sprintf(".%d", tenths%10)
	}
	return text
}

// significant writes 0.36, 4.2 or 135.
func significant(x float64) string {
	switch {
	case x < 1:
		return fmt.Sprintf("%.2f", x)
	case x < 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// thousands writes 18204 as 18,204.
func thousands(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func siBytes(n uint64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
