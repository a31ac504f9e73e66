package simnet

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// Quality are the keys that say how a link treats its packets: those of a
// LinkConfig. What is nil keeps its default, or, in a change, what it was.
type Quality struct {
	Kind         *string   `toml:"kind"` // lan, internet, radio
	Latency      *Duration `toml:"latency"`
	Jitter       *Duration `toml:"jitter"`
	Loss         *Share    `toml:"loss"`
	BurstLoss    *Share    `toml:"burst_loss"`
	BurstEvery   *Duration `toml:"burst_every"`
	BurstLength  *Duration `toml:"burst_length"`
	Duplicate    *Share    `toml:"duplicate"`
	Reorder      *Share    `toml:"reorder"`
	ReorderDelay *Duration `toml:"reorder_delay"`
	Corrupt      *Share    `toml:"corrupt"`
	Rate         *Rate     `toml:"rate"`
	Queue        *Size     `toml:"queue"`
	MTU          *int      `toml:"mtu"`
}

// over returns the configuration with the keys that are given replaced.
func (q Quality) over(c LinkConfig) LinkConfig {
	if q.Kind != nil {
		c.Kind = linkKinds[*q.Kind]
	}
	replace(&c.Latency, q.Latency)
	replace(&c.Jitter, q.Jitter)
	replace(&c.Loss, q.Loss)
	replace(&c.Burst.Loss, q.BurstLoss)
	replace(&c.Burst.Every, q.BurstEvery)
	replace(&c.Burst.Length, q.BurstLength)
	replace(&c.Duplicate, q.Duplicate)
	replace(&c.Reorder, q.Reorder)
	replace(&c.ReorderDelay, q.ReorderDelay)
	replace(&c.Corrupt, q.Corrupt)
	replace(&c.Rate, q.Rate)
	replace(&c.Queue, q.Queue)
	replace(&c.MTU, q.MTU)
	return c
}

var linkKinds = map[string]link.Kind{"lan": link.LAN, "internet": link.Internet, "radio": link.Radio}

// replace puts the value there, if there is one.
func replace[T ~int | ~int64 | ~uint64 | ~float64, V ~int | ~int64 | ~uint64 | ~float64](field *T, value *V) {
	if value != nil {
		*field = T(*value)
	}
}

// A Duration is written as Go does: "1.5s", "10m", "250ms". It is not negative.
type Duration time.Duration

// UnmarshalText reads a Duration.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a duration such as \"10ms\", \"1.5s\" or \"2m\"", text)
	}
	*d = Duration(v)
	return nil
}

// A Share is a part of a whole: 0.25, or "25%".
type Share float64

// UnmarshalTOML reads a Share.
func (s *Share) UnmarshalTOML(value any) error {
	v, err := 0.0, error(nil)
	switch x := value.(type) {
	case float64:
		v = x
	case int64:
		v = float64(x)
	case string:
		v, err = parsePercent(x)
	default:
		err = strconv.ErrSyntax
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return fmt.Errorf("%v is not a share such as 0.25 or \"25%%\"", value)
	}
	*s = Share(v)
	return nil
}

// parsePercent reads "97%" as 0.97.
func parsePercent(text string) (float64, error) {
	number, found := strings.CutSuffix(text, "%")
	if !found {
		return 0, strconv.ErrSyntax
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	return v / 100, err
}

// Metres are a Length: 250, "250m", "1.5km".
type Metres Length

// UnmarshalTOML reads Metres.
func (m *Metres) UnmarshalTOML(value any) error {
	v, ok := parseLength(value)
	if !ok {
		return fmt.Errorf("%v is not a length such as 250, \"250m\" or \"1.5km\"", value)
	}
	*m = Metres(v)
	return nil
}

// parseLength reads a number of metres, or text with a unit.
func parseLength(value any) (Length, bool) {
	v, err := 0.0, error(nil)
	switch x := value.(type) {
	case int64:
		v = float64(x)
	case float64:
		v = x
	case string:
		factor, number := 1.0, strings.TrimSuffix(x, "m")
		if short, found := strings.CutSuffix(number, "k"); found {
			factor, number = 1000, short
		}
		v, err = strconv.ParseFloat(strings.TrimSpace(number), 64)
		if v *= factor; !strings.HasSuffix(x, "m") {
			err = strconv.ErrSyntax
		}
	default:
		err = strconv.ErrSyntax
	}
	return Length(math.Round(v * float64(Metre))), err == nil && math.Abs(v) <= float64(maxLength/Metre)
}

// A Speed is in millimetres per second: "1.4m/s", "50km/h".
type Speed Length

// UnmarshalText reads a Speed.
func (s *Speed) UnmarshalText(text []byte) error {
	number, per, _ := strings.Cut(string(text), "/")
	v, ok := parseLength(number)
	if per == "h" {
		v /= 3600
	}
	if !ok || v <= 0 || (per != "s" && per != "h") {
		return fmt.Errorf("%q is not a speed such as \"1.4m/s\" or \"50km/h\"", text)
	}
	*s = Speed(v)
	return nil
}

// A Rate is in bit/s: 64000, "64kbit", "2Mbit", "1Gbit".
type Rate uint64

// UnmarshalTOML reads a Rate.
func (r *Rate) UnmarshalTOML(value any) error {
	v, ok := parseUnits(value, "bit")
	if !ok || v == 0 {
		return fmt.Errorf("%v is not a rate such as 64000, \"64kbit\" or \"2Mbit\"", value)
	}
	*r = Rate(v)
	return nil
}

// A Size is in bytes: 1200, "64kB", "20MB".
type Size uint64

// UnmarshalTOML reads a Size.
func (s *Size) UnmarshalTOML(value any) error {
	v, ok := parseUnits(value, "B")
	if !ok {
		return fmt.Errorf("%v is not a size such as 1200, \"64kB\" or \"20MB\"", value)
	}
	*s = Size(v)
	return nil
}

// parseUnits reads a number, or text of a number, a decimal prefix and the unit. At most 10^15.
func parseUnits(value any, unit string) (uint64, bool) {
	if n, ok := value.(int64); ok {
		return uint64(n), n >= 0 && n <= 1e15
	}
	text, ok := value.(string)
	text, found := strings.CutSuffix(text, unit)
	if !ok || !found {
		return 0, false
	}
	factor := 1.0
	for _, prefix := range []struct {
		letter string
		factor float64
	}{{"k", 1e3}, {"M", 1e6}, {"G", 1e9}} {
		if short, found := strings.CutSuffix(text, prefix.letter); found {
			text, factor = short, prefix.factor
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	v *= factor
	return uint64(v + 0.5), err == nil && v >= 0 && v <= 1e15
}

// Members are the nodes of a LAN or shape: their number, then they are made and
// called name-1, name-2, …; or the names of nodes that exist.
type Members struct {
	Count int
	Names []string
}

// UnmarshalTOML reads Members.
func (m *Members) UnmarshalTOML(value any) error {
	if n, ok := value.(int64); ok && n > 0 && n <= maxNodes {
		m.Count = int(n)
		return nil
	}
	list, ok := value.([]any)
	for _, item := range list {
		name, isText := item.(string)
		ok = ok && isText
		m.Names = append(m.Names, name)
	}
	if !ok {
		return fmt.Errorf("nodes must be a number from 1 to %d, or a list of names", maxNodes)
	}
	return nil
}
