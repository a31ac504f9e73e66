package simnet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A unit is what a metric is measured in.
type unit struct {
	name    string // in JSON
	example string // of a limit
	parse   func(text string) (float64, error)
}

var (
	inShare = &unit{"share", "\">= 97%\"", parsePercent}
	inTime  = &unit{"s", "\"< 20s\"", parseSeconds}
	inRate  = &unit{"bit/s", "\">= 2Mbit\"", func(text string) (float64, error) { return parseFactor(text, "bit") }}
	inBytes = &unit{"B/s", "\"< 150B\"", func(text string) (float64, error) { return parseFactor(text, "B") }}
)

// A metric is something that a run measures and a scenario may expect.
type metric struct {
	key     string
	unit    *unit
	wanted  func(*ExpectTable) string
	needs   func(*TrafficTable) bool // traffic without which it is not measured; nil = none
	lacking string                   // what that traffic is
	measure func(*Result) *float64
}

// metrics lists what can be expected, in the order of ExpectTable.
var metrics = []metric{
	{"routes_complete", inTime, func(e *ExpectTable) string { return e.RoutesComplete }, nil, "", func(r *Result) *float64 { return r.RoutesComplete }},
	{"heal", inTime, func(e *ExpectTable) string { return e.Heal }, nil, "", (*Result).WorstHeal},
	{"delivery", inShare, func(e *ExpectTable) string { return e.Delivery }, isDatagrams, "datagrams", func(r *Result) *float64 { return r.Datagrams.share() }},
	{"joined_delivery", inShare, func(e *ExpectTable) string { return e.JoinedDelivery }, isDatagrams, "datagrams", func(r *Result) *float64 { return r.Datagrams.joinedShare() }},
	{"duplicates", inShare, func(e *ExpectTable) string { return e.Duplicates }, isDatagrams, "datagrams", func(r *Result) *float64 { return r.Datagrams.doubled() }},
	{"pings", inShare, func(e *ExpectTable) string { return e.Pings }, isPing, "pings", func(r *Result) *float64 { return r.Pings.share() }},
	{"streams", inShare, func(e *ExpectTable) string { return e.Streams }, isStream, "a stream", func(r *Result) *float64 { return r.Streams.share() }},
	{"latency_p50", inTime, func(e *ExpectTable) string { return e.LatencyP50 }, isDatagrams, "datagrams", func(r *Result) *float64 { return seconds(r.Datagrams.P50) }},
	{"latency_p95", inTime, func(e *ExpectTable) string { return e.LatencyP95 }, isDatagrams, "datagrams", func(r *Result) *float64 { return seconds(r.Datagrams.P95) }},
	{"rtt_p50", inTime, func(e *ExpectTable) string { return e.RTTP50 }, isPing, "pings", func(r *Result) *float64 { return seconds(r.Pings.P50) }},
	{"rtt_p95", inTime, func(e *ExpectTable) string { return e.RTTP95 }, isPing, "pings", func(r *Result) *float64 { return seconds(r.Pings.P95) }},
	{"voice", inShare, func(e *ExpectTable) string { return e.Voice }, isVoice, "voice", func(r *Result) *float64 { return r.Voice.share() }},
	{"voice_p95", inTime, func(e *ExpectTable) string { return e.VoiceP95 }, isVoice, "voice", func(r *Result) *float64 { return seconds(r.Voice.P95) }},
	{"requests", inShare, func(e *ExpectTable) string { return e.Requests }, isRequest, "requests", func(r *Result) *float64 { return r.Requests.share() }},
	{"response_p50", inTime, func(e *ExpectTable) string { return e.ResponseP50 }, isRequest, "requests", func(r *Result) *float64 { return seconds(r.Requests.P50) }},
	{"response_p95", inTime, func(e *ExpectTable) string { return e.ResponseP95 }, isRequest, "requests", func(r *Result) *float64 { return seconds(r.Requests.P95) }},
	{"goodput", inRate, func(e *ExpectTable) string { return e.Goodput }, isStream, "a stream", func(r *Result) *float64 { return r.Streams.Goodput }},
	{"node_bytes", inBytes, func(e *ExpectTable) string { return e.NodeBytes }, nil, "", func(r *Result) *float64 { return &r.NodeBytes }},
	{"reunion", inTime, func(e *ExpectTable) string { return e.Reunion }, nil, "", (*Result).Reunion},
	{"settled_bytes", inBytes, func(e *ExpectTable) string { return e.SettledBytes }, nil, "", func(r *Result) *float64 { return r.SettledBytes }},
	{"direct", inShare, func(e *ExpectTable) string { return e.Direct }, nil, "", func(r *Result) *float64 { return r.Direct }},
	{"direct_after", inTime, func(e *ExpectTable) string { return e.DirectAfter }, nil, "", func(r *Result) *float64 { return r.DirectAfter }},
	{"outage", inTime, func(e *ExpectTable) string { return e.Outage }, isDatagrams, "datagrams", func(r *Result) *float64 { return r.Outage }},
}

func isDatagrams(t *TrafficTable) bool { return t.Datagrams > 0 }
func isPing(t *TrafficTable) bool      { return t.Ping > 0 }
func isStream(t *TrafficTable) bool    { return t.Stream > 0 }
func isVoice(t *TrafficTable) bool     { return t.Voice > 0 }
func isRequest(t *TrafficTable) bool   { return t.Request > 0 }

// unmeasured says why the scenario cannot measure it, "" when it can.
func (m *metric) unmeasured(s *Scenario) string {
	switch {
	case (m.key == "heal" || m.key == "reunion") && len(s.At) == 0 && !slices.ContainsFunc(s.Moves, func(m MoveTable) bool { return m.Step != 0 }):
		return "nothing happens that could heal: there is no [[at]]"
	case m.key == "settled_bytes" && s.Sim.Settle == 0:
		return "[sim] does not say from when on: settle = \"1m\""
	case strings.HasPrefix(m.key, "direct") && (len(s.NATs) == 0 || len(s.Traffic) == 0):
		return "there is no [[nat]] between nodes that talk, so it is not looked at"
	case m.needs != nil && !s.sends(m.needs):
		return "no [[traffic]] sends " + m.lacking
	}
	return ""
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
	bound float64 // in the metric's unit
}

// parseLimit reads "< 20s", ">= 97%", or "all".
func (m *metric) parseLimit(text string) (limit, error) {
	if text == "all" && m.unit == inShare {
		text = ">= 100%"
	}
	rest := strings.TrimLeft(text, "<>=")
	l := limit{op: text[:len(text)-len(rest)]}
	bound, err := m.unit.parse(strings.TrimSpace(rest))
	l.bound = bound
	if _, known := compare[l.op]; !known || err != nil {
		return l, fmt.Errorf("%s must be written like %s, not %q", m.key, m.unit.example, text)
	}
	return l, nil
}

func parseSeconds(text string) (float64, error) {
	d, err := time.ParseDuration(text)
	return d.Seconds(), err
}

// parseFactor reads a number with a decimal prefix and a unit.
func parseFactor(text, unit string) (float64, error) {
	v, ok := parseUnits(text, unit)
	if !ok {
		return 0, strconv.ErrSyntax
	}
	return float64(v), nil
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
			f := Finding{Metric: m.key, Want: want, Share: m.unit == inShare, Unit: m.unit.name, Got: m.measure(r)}
			f.OK = f.Got != nil && compare[limit.op](*f.Got, limit.bound)
			r.Expect = append(r.Expect, f)
			r.Failed = r.Failed || !f.OK
		}
	}
}
