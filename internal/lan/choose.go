package lan

import (
	"net/netip"
	"path"
	"slices"
	"strings"
)

// DefaultPatterns choose every interface but those that containers hang on.
var DefaultPatterns = []string{"*", "!docker*", "!veth*", "!br-*"}

// A Choice says which interfaces are used (spec L2.1–L2.3).
type Choice struct {
	// Patterns of names, as in path.Match; "!" in front excludes; the last that
	// matches decides. None: DefaultPatterns, whose exclusions give way when
	// nothing else would be left.
	Patterns []string
	// Addr, when valid and not unspecified, chooses only the interface that has it.
	Addr netip.Addr
}

// Of picks the interfaces that are used out of all.
func (c Choice) Of(all []Interface) []Interface {
	usable := slices.DeleteFunc(slices.Clone(all), func(i Interface) bool { return !c.usable(i) })
	if len(c.Patterns) > 0 {
		return matching(usable, c.Patterns)
	}
	if chosen := matching(usable, DefaultPatterns); len(chosen) > 0 {
		return chosen
	}
	return usable
}

// usable reports whether the interface could be used, its name aside. The
// loopback is used only when it is named or listened on.
func (c Choice) usable(i Interface) bool {
	if len(i.Prefixes) == 0 {
		return false
	}
	if c.Addr.IsValid() && !c.Addr.IsUnspecified() {
		return slices.ContainsFunc(i.Prefixes, func(p netip.Prefix) bool {
			return p.Addr() == c.Addr.Unmap().WithZone("") || i.Loopback() && c.Addr.IsLoopback() && p.Contains(c.Addr)
		})
	}
	return !i.Loopback() || slices.Contains(c.Patterns, i.Name)
}

func matching(all []Interface, patterns []string) []Interface {
	return slices.DeleteFunc(slices.Clone(all), func(i Interface) bool { return !match(patterns, i.Name) })
}

// match reports what the last pattern that matches name says; no when none does.
func match(patterns []string, name string) bool {
	for _, p := range slices.Backward(patterns) {
		bare, exclude := strings.CutPrefix(p, "!")
		if ok, err := path.Match(bare, name); ok && err == nil {
			return !exclude
		}
	}
	return false
}

// CheckPatterns returns the first pattern that is malformed, "" when all are well.
func CheckPatterns(patterns []string) string {
	for _, p := range patterns {
		if _, err := path.Match(strings.TrimPrefix(p, "!"), "x"); err != nil || strings.TrimPrefix(p, "!") == "" {
			return p
		}
	}
	return ""
}
