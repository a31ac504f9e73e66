package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/internal/udp"
)

// firewallFor bounds what a firewall's own program may take.
const firewallFor = 5 * time.Second

// ports are those a node is reached at, and what each is for.
var ports = []struct {
	port uint16
	what string
	bad  Level
}{{4117, "data", Problem}, {udp.DiscoveryPort, "beacons", Problem}, {5353, "mDNS", Hint}}

// firewall reads what the kernel's packet filter does with our ports.
func (r *Report) firewall(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firewallFor)
	defer cancel()
	nft, err := exec.LookPath("nft")
	if err != nil {
		return // then there is most likely none
	}
	if os.Geteuid() != 0 {
		r.add("firewall", "read", Unknown, "the firewall's rules can be read by root only").fix("sudo caracal doctor")
		return
	}
	out, err := exec.CommandContext(ctx, nft, "-j", "list", "ruleset").Output()
	rules, bad := parseRuleset(out)
	if err != nil || bad != nil {
		r.add("firewall", "read", Unknown, "the firewall's rules cannot be read")
		return
	}
	before := len(r.Findings)
	for _, p := range ports {
		v, at := rules.judge(p.port)
		if v == passes {
			continue
		}
		level, text := p.bad, fmt.Sprintf("nftables drops udp %d in (%s), in chain %s", p.port, p.what, at)
		if v == mayDrop {
			level, text = Hint, fmt.Sprintf("nftables may drop udp %d in (%s), in chain %s: it depends on rules that are not understood here", p.port, p.what, at)
		}
		f := r.add("firewall", fmt.Sprintf("udp-%d", p.port), level, text).fix(opening(ctx, at, p.port))
		f.Safe = v == drops
	}
	if len(r.Findings) == before {
		r.add("firewall", "nftables", OK, "nftables lets udp 4117, 4118 and 5353 in")
	}
}

// opening is the command that lets the port in, in the language of the firewall in use.
func opening(ctx context.Context, chain string, port uint16) string {
	if out, err := exec.CommandContext(ctx, "ufw", "status").Output(); err == nil && strings.Contains(string(out), "Status: active") {
		return fmt.Sprintf("sudo ufw allow %d/udp", port)
	}
	if exec.CommandContext(ctx, "firewall-cmd", "--state").Run() == nil {
		return fmt.Sprintf("sudo firewall-cmd --add-port=%d/udp --permanent && sudo firewall-cmd --reload", port)
	}
	return fmt.Sprintf("sudo nft insert rule %s udp dport %d accept", chain, port)
}

// A ruleset is what `nft -j list ruleset` prints, as far as it matters here (libnftables-json(5)).
type ruleset struct {
	chains []chain
	rules  map[string][]rule // by "family table chain"
}

type chain struct{ Family, Table, Name, Hook, Policy string }

type rule struct {
	Family, Table, Chain string
	Expr                 []map[string]json.RawMessage
}

func parseRuleset(data []byte) (rs ruleset, err error) {
	var doc struct {
		Nftables []struct {
			Chain *chain
			Rule  *rule
		}
	}
	rs.rules = map[string][]rule{}
	err = json.Unmarshal(data, &doc)
	for _, e := range doc.Nftables {
		switch {
		case e.Chain != nil:
			rs.chains = append(rs.chains, *e.Chain)
		case e.Rule != nil:
			at := e.Rule.Family + " " + e.Rule.Table + " " + e.Rule.Chain
			rs.rules[at] = append(rs.rules[at], *e.Rule)
		}
	}
	return rs, err
}

// A verdict is what becomes of a packet to a port.
type verdict int

const (
	goesOn verdict = iota // no rule decides
	passes
	mayDrop // unless a rule that we do not understand lets it pass
	drops
)

// judge tells what becomes of a packet from a new peer on the LAN to the port, and in which chain.
func (rs *ruleset) judge(port uint16) (worst verdict, at string) {
	worst = passes
	for _, c := range rs.chains {
		if c.Hook != "input" && c.Hook != "prerouting" || c.Family == "bridge" || c.Family == "arp" {
			continue
		}
		name := c.Family + " " + c.Table + " " + c.Name
		w := walk{rules: rs.rules, port: port, left: maxRules}
		v := w.along(name)
		if v == goesOn && c.Policy == "drop" {
			v = drops
		}
		if v == drops && w.doubt {
			v = mayDrop
		}
		if v > worst {
			worst, at = v, name
		}
	}
	return worst, at
}

// maxRules bounds the rules looked at for one packet: chains may call each other.
const maxRules = 10_000

// A walk follows one packet.
type walk struct {
	rules map[string][]rule
	port  uint16
	doubt bool // a rule that might let it pass was not understood
	left  int  // rules that may still be looked at
}

// along follows a chain.
func (w *walk) along(name string) verdict {
	family := name[:strings.LastIndexByte(name, ' ')+1]
	for _, r := range w.rules[name] {
		if w.left--; w.left < 0 {
			w.doubt = true
			return goesOn
		}
		matches, understood, ends, jump := r.read(w.port)
		switch {
		case !matches:
		case !understood:
			w.doubt = w.doubt || ends == passes || jump != ""
		case jump != "":
			if v := w.along(family + jump); v != goesOn {
				return v
			}
		case ends != goesOn:
			return ends
		}
	}
	return goesOn
}

// read tells whether a rule may match, whether all of its conditions are understood, and what it does.
func (r *rule) read(port uint16) (matches, understood bool, ends verdict, jump string) {
	matches, understood = true, true
	for _, e := range r.Expr {
		for kind, raw := range e {
			switch kind {
			case "accept":
				ends = passes
			case "drop", "reject":
				ends = drops
			case "jump", "goto":
				var to struct{ Target string }
				_ = json.Unmarshal(raw, &to)
				jump = to.Target
			case "match":
				m, u := condition(raw, port)
				matches, understood = matches && m, understood && u
			case "counter", "log", "comment":
			case "return":
				understood = false
			default: // limits, sets, verdict maps
				understood = false
			}
		}
	}
	return matches, understood, ends, jump
}

// condition judges one match: may it be true of our packet, and is that sure?
func condition(raw json.RawMessage, port uint16) (matches, understood bool) {
	var m struct {
		Op    string
		Left  map[string]struct{ Protocol, Field, Key string }
		Right json.RawMessage
	}
	if json.Unmarshal(raw, &m) != nil {
		return true, false
	}
	equal := m.Op == "==" || m.Op == "in" || m.Op == ""
	if p, ok := m.Left["payload"]; ok && p.Field == "dport" && (p.Protocol == "udp" || p.Protocol == "th") {
		return contains(m.Right, port) == equal, true
	} else if ok && (p.Protocol == "tcp" || p.Protocol == "icmp" || p.Protocol == "icmpv6") {
		return false, true
	}
	right := string(m.Right)
	switch meta := m.Left["meta"]; {
	case meta.Key == "l4proto":
		return strings.Contains(right, `"udp"`) == equal, true
	case meta.Key == "iifname" && right == `"lo"`, meta.Key == "iif" && right == `"lo"`:
		return !equal, true
	}
	if ct, ok := m.Left["ct"]; ok && ct.Key == "state" {
		return strings.Contains(right, `"new"`) == equal || !equal, true
	}
	return true, false
}

// contains reports whether a port, set or range holds the port.
func contains(raw json.RawMessage, port uint16) bool {
	var one uint16
	if json.Unmarshal(raw, &one) == nil {
		return one == port
	}
	var set struct {
		Set   []json.RawMessage
		Range []uint16
	}
	if json.Unmarshal(raw, &set) != nil {
		return false
	}
	if len(set.Range) == 2 {
		return set.Range[0] <= port && port <= set.Range[1]
	}
	return slices.ContainsFunc(set.Set, func(e json.RawMessage) bool { return contains(e, port) })
}
