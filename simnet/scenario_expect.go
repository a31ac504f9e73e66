package simnet

import (
	"fmt"
	"strings"
	"time"
)

// A metric is something that a run measures and a scenario may expect.
type metric struct {
	key     string
	share   bool // a share of a whole; otherwise a time in seconds
	wanted  func(*ExpectTable) string
	needs   func(*Scenario) bool // whether the scenario can measure it; nil = always
	lacking string               // what to say when it cannot
	measure func(*Result) *float64
}

// metrics lists what can be expected, in the order of ExpectTable.
var metrics = []metric{
	{
		"routes_complete", false, func(e *ExpectTable) string { return e.RoutesComplete }, nil, "",
		func(r *Result) *float64 { return r.RoutesComplete },
	},
	{
		"heal", false, func(e *ExpectTable) string { return e.Heal }, func(s *Scenario) bool { return len(s.At) > 0 },
		"nothing happens that could heal: there is no [[at]]", func(r *Result) *float64 { return r.worstHeal() },
	},
	{
		"delivery", true, func(e *ExpectTable) string { return e.Delivery }, sendsDatagrams, noDatagrams,
		func(r *Result) *float64 { return r.Datagrams.share() },
	},
	{
		"pings", true, func(e *ExpectTable) string { return e.Pings }, sendsPings, noPings,
		func(r *Result) *float64 { return r.Pings.share() },
	},
	{
		"streams", true, func(e *ExpectTable) string { return e.Streams },
		func(s *Scenario) bool { return s.sends(func(t *TrafficTable) bool { return t.Stream > 0 }) },
		"no [[traffic]] sends a stream", func(r *Result) *float64 { return r.Streams.share() },
	},
	{
		"latency_p50", false, func(e *ExpectTable) string { return e.LatencyP50 }, sendsDatagrams, noDatagrams,
		func(r *Result) *float64 { return seconds(r.Datagrams.P50) },
	},
	{
		"latency_p95", false, func(e *ExpectTable) string { return e.LatencyP95 }, sendsDatagrams, noDatagrams,
		func(r *Result) *float64 { return seconds(r.Datagrams.P95) },
	},
	{
		"rtt_p50", false, func(e *ExpectTable) string { return e.RTTP50 }, sendsPings, noPings,
		func(r *Result) *float64 { return seconds(r.Pings.P50) },
	},
	{
		"rtt_p95", false, func(e *ExpectTable) string { return e.RTTP95 }, sendsPings, noPings,
		func(r *Result) *float64 { return seconds(r.Pings.P95) },
	},
}

const (
	noDatagrams = "no [[traffic]] sends datagrams"
	noPings     = "no [[traffic]] sends pings"
)

func sendsDatagrams(s *Scenario) bool {
	return s.sends(func(t *TrafficTable) bool { return t.Datagrams > 0 })
}

func sendsPings(s *Scenario) bool {
	return s.sends(func(t *TrafficTable) bool { return t.Ping > 0 })
}

func (s *Scenario) sends(what func(*TrafficTable) bool) bool {
	for i := range s.Traffic {
		if what(&s.Traffic[i]) {
			return true
		}
	}
	return false
}

// seconds turns milliseconds into seconds.
func seconds(ms *float64) *float64 {
	if ms == nil {
		return nil
	}
	s := *ms / 1e3
	return &s
}

// A limit is what a metric must be: an operator and a bound.
type limit struct {
	op    string
	bound float64 // a share, or seconds
}

// parseLimit reads "< 20s", ">= 97%", or "all".
func (m *metric) parseLimit(text string) (limit, error) {
	if text == "all" && m.share {
		text = ">= 100%"
	}
	rest := strings.TrimLeft(text, "<>=")
	l := limit{op: text[:len(text)-len(rest)]}
	rest = strings.TrimSpace(rest)
	var err error
	if m.share {
		l.bound, err = parsePercent(rest)
	} else {
		var d time.Duration
		d, err = time.ParseDuration(rest)
		l.bound = d.Seconds()
	}
	if _, known := compare[l.op]; !known || err != nil {
		example := "\"< 20s\""
		if m.share {
			example = "\">= 97%\""
		}
		return l, fmt.Errorf("%s must be written like %s, not %q", m.key, example, text)
	}
	return l, nil
}

var compare = map[string]func(value, bound float64) bool{
	"<":  func(v, b float64) bool { return v < b },
	"<=": func(v, b float64) bool { return v <= b },
	">":  func(v, b float64) bool { return v > b },
	">=": func(v, b float64) bool { return v >= b },
}

// judge compares the results with what was expected, in the order of the file.
func (s *Scenario) judge(r *Result) {
	for i := range s.Expect {
		for j := range metrics {
			m := &metrics[j]
			want := m.wanted(&s.Expect[i])
			if want == "" {
				continue
			}
			limit, _ := m.parseLimit(want) // checked when read
			f := Finding{Metric: m.key, Want: want, Share: m.share, Got: m.measure(r)}
			f.OK = f.Got != nil && compare[limit.op](*f.Got, limit.bound)
			r.Expect = append(r.Expect, f)
			r.Failed = r.Failed || !f.OK
		}
	}
}
