// Package config is the node's configuration: which keys there are, what they may be, and
// from where each has its value: a default, the file, the environment, or a flag.
package config

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/internal/lan"
	"github.com/caracal-mesh/caracal/internal/near"
	"github.com/caracal-mesh/caracal/internal/udp"
	"github.com/caracal-mesh/caracal/share"
	"github.com/caracal-mesh/caracal/sid"
)

// A Kind is the type of a value.
type Kind int

// The kinds: string, bool, and []string.
const (
	Text Kind = iota
	Switch
	List
)

// A Key is one thing that can be configured.
type Key struct {
	Name    string // "section.key"
	Kind    Kind
	Default any    // string, bool or []string
	Live    bool   // takes effect when the file is read again, without a new start
	Help    string // in a line
	check   func(value any) error
}

// Keys are all, by section.
var Keys = []Key{
	{"node.name", Text, "", false, "what this node is called; \"\" = the host name", checkName},
	{"node.listen", Text, host.DefaultListen, false, "UDP address and port; port 0 = any", checkListen},
	{"node.relay", Switch, true, false, "carry the traffic of others", nil},
	{"node.network_key_file", Text, "", false, "file with the key of a private mesh; \"\" = the open one", checkPath},
	{"discovery.broadcast", Switch, true, false, "announce this node by IPv4 broadcast", nil},
	{"discovery.multicast", Switch, true, false, "announce it by multicast, IPv4 and IPv6", nil},
	{"discovery.mdns", Switch, true, false, "announce it by mDNS, as _caracal._udp", nil},
	{"discovery.interfaces", List, []string{}, false, "interfaces to use, \"!\" before those not to; the last that matches decides; [] = all but those of containers", checkInterfaces},
	{"discovery.peers", List, []string{}, true, "addresses always tried, \"host\" or \"host:port\"", checkPeers},
	{"nat.punch", Switch, true, false, "open direct paths through routers", nil},
	{"nat.portmap", Switch, true, false, "ask the router to open a port (NAT-PMP, PCP, UPnP)", nil},
	{"nat.stun", List, []string{}, false, "STUN servers asked where they see us, \"host\" or \"host:port\"; neighbours are asked anyway", checkSTUN},
	{"files.dir", Text, "", false, "folder for received files; \"\" = ~/Caracal", checkPath},
	{"files.accept", Text, string(share.Contacts), true, "whose files are taken without asking: ask, contacts, all, never", checkAccept},
	{"files.quota", Text, "", true, "most that may stand in that folder, such as 20GB; \"\" = as much as the disk takes", checkSize},
	{"metrics.listen", Text, "", false, "serve the counters to Prometheus at http://ADDRESS:PORT/metrics, such as 127.0.0.1:9410; \"\" = nowhere", checkTCP},
	{"log.level", Text, "info", true, "debug, info, warn or error", oneOf("debug", "info", "warn", "error")},
	{"log.format", Text, "text", false, "text or json", oneOf("text", "json")},
}

// Find is the key of that name; ok is false when there is none.
func Find(name string) (key Key, ok bool) {
	i := slices.IndexFunc(Keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	return Keys[i], true
}

// Nearest is the key that was most likely meant by a wrong name; "" when none is near.
func Nearest(name string) (best string) {
	least := max(2, len(name)/4) + 1
	for _, k := range Keys {
		_, short, _ := strings.Cut(k.Name, ".")
		for _, candidate := range []string{k.Name, short} {
			if d := near.Distance(name, candidate); d < least {
				best, least = k.Name, d
			}
		}
	}
	return best
}

// checkSize judges a number of bytes; "" is none.
func checkSize(value any) error {
	if _, err := share.ParseSize(value.(string)); value != "" && err != nil {
		return fmt.Errorf("%q is no size such as 20GB", value)
	}
	return nil
}

// variable is the environment variable of a key.
func (k Key) variable() string {
	return "CARACAL_" + strings.ToUpper(strings.ReplaceAll(k.Name, ".", "_"))
}

// Parse reads a value as it is written in the environment or on the command line: a list has commas.
func (k Key) Parse(text string) (value any, err error) {
	switch k.Kind {
	case Switch:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fmt.Errorf("%s is true or false, not %q", k.Name, text)
		}
		value = b
	case List:
		list := []string{}
		for _, item := range strings.Split(strings.Trim(strings.TrimSpace(text), "[]"), ",") {
			if item = strings.Trim(strings.TrimSpace(item), `"'`); item != "" {
				list = append(list, item)
			}
		}
		value = list
	default:
		value = text
	}
	return value, k.Check(value)
}

// Check tells what is wrong with a value of the right type.
func (k Key) Check(value any) error {
	if k.check == nil {
		return nil
	}
	if err := k.check(value); err != nil {
		return fmt.Errorf("%s: %w", k.Name, err)
	}
	return nil
}

// Literal writes a value as TOML.
func Literal(value any) string {
	switch v := value.(type) {
	case bool:
		return strconv.FormatBool(v)
	case []string:
		items := make([]string, len(v))
		for i, s := range v {
			items[i] = quote(s)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case string:
		return quote(v)
	}
	panic("BUG: a value of another kind")
}

// quote writes a TOML basic string (TOML 1.0, "String").
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func checkName(value any) error {
	if value == "" {
		return nil
	}
	if sid.CheckName(value.(string)) != nil {
		return fmt.Errorf("%q cannot be a name: it needs 1 to 63 printable bytes, no \":\" or \"/\", and must not look like a SID", value)
	}
	return nil
}

func checkListen(value any) error {
	_, err := udp.ParseListen(value.(string))
	return err
}

func checkInterfaces(value any) error {
	if bad := lan.CheckPatterns(value.([]string)); bad != "" {
		return fmt.Errorf("the pattern %q is malformed", bad)
	}
	return nil
}

func checkPeers(value any) error {
	for _, p := range value.([]string) {
		if err := host.CheckPeer(p); err != nil {
			return fmt.Errorf("%q is neither HOST nor HOST:PORT", p)
		}
	}
	return nil
}

// checkPath wants a path that means the same wherever the node is started.
func checkPath(value any) error {
	path := value.(string)
	if path == "" || filepath.IsAbs(path) || path == "~" || strings.HasPrefix(path, "~/") {
		return nil
	}
	return fmt.Errorf("%q must begin with / or ~/", path)
}

func checkAccept(value any) error {
	if _, err := share.ParseMode(value.(string)); err != nil || value == "" {
		return fmt.Errorf("%q is none of ask, contacts, all, never", value)
	}
	return nil
}

// checkTCP wants an address to listen on, or nothing.
func checkTCP(value any) error {
	if value == "" {
		return nil
	}
	h, _, err := net.SplitHostPort(value.(string))
	if _, bad := netip.ParseAddr(h); err != nil || bad != nil && h != "" && h != "localhost" {
		return fmt.Errorf("%q is not ADDRESS:PORT", value)
	}
	return nil
}

func oneOf(words ...string) func(any) error {
	return func(value any) error {
		if !slices.Contains(words, value.(string)) {
			return fmt.Errorf("%q is none of %s", value, strings.Join(words, ", "))
		}
		return nil
	}
}

func checkSTUN(value any) error {
	for _, s := range value.([]string) {
		if err := host.CheckSTUN(s); err != nil {
			return fmt.Errorf("%q is neither HOST nor HOST:PORT", s)
		}
	}
	return nil
}
