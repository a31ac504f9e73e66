// Package doctor looks for what keeps nodes from finding or reaching each other, and says
// for each fault what shows it and which command mends it. It changes nothing itself.
package doctor

import (
	"context"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/sid"
)

// A Level says how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Unknown Level = "unknown" // could not be looked at
	Hint    Level = "hint"    // worth knowing; things work all the same
	Problem Level = "problem"
)

// A Finding is the result of one check.
type Finding struct {
	Section  string   `json:"section"` // node, identity, socket, interfaces, the name of one, firewall, routes, internet, peers, storage
	Check    string   `json:"check"`   // which, the same in all versions
	Level    Level    `json:"level"`
	Text     string   `json:"text"`               // what was found, and what shows it; not escaped here
	Why      string   `json:"why,omitempty"`      // what it means, if that is not plain
	Commands []string `json:"commands,omitempty"` // mend it, typed in a shell one after the other
	Safe     bool     `json:"safe,omitempty"`     // the commands may be run without asking what they are
}

// A Report is all findings, in the order of the sections.
type Report struct {
	Problems int       `json:"problems"`
	Hints    int       `json:"hints"`
	Findings []Finding `json:"findings"`
}

// A Patient is what is examined.
type Patient struct {
	Home    string // the node's
	Files   string // folder for received files
	Version string
	Listen  string     // where a node would listen, for one that does not run
	Host    *host.Host // nil = no node runs in this process
	Peers   []sid.SID  // to be reached
	Name    func(sid.SID) string
	NAT     *NAT // nil = not known
}

// The times that checks may take.
const (
	echoFor = 2 * time.Second // for our own beacons to come back
	pingFor = time.Second     // for each try
)

// Machine examines what can be seen without a running node, by whoever asks.
func Machine(ctx context.Context, p Patient) Report {
	r := &Report{}
	r.keys(p)
	r.storage(p)
	r.container()
	r.firewall(ctx)
	r.clock()
	if p.Host == nil {
		r.port(p)
	}
	return r.done()
}

// Node examines a running node from within.
func Node(ctx context.Context, p Patient) Report {
	r := &Report{}
	d := p.Host.Diagnose(ctx, echoFor)
	r.running(p, &d)
	r.twin(&d)
	r.sockets(&d)
	r.unused(&d)
	for _, i := range d.Ifaces {
		r.iface(&d, i)
		r.sources(p, &d, i)
		r.captured(i)
		r.powerSave(ctx, i)
	}
	r.internet(p.NAT)
	r.peers(ctx, p)
	r.versions(&d)
	r.openFiles()
	return r.done()
}

// Join puts reports together.
func Join(all ...Report) Report {
	r := &Report{}
	for _, a := range all {
		r.Findings = append(r.Findings, a.Findings...)
	}
	return r.done()
}

// add notes a finding.
func (r *Report) add(section, check string, level Level, text string) *Finding {
	r.Findings = append(r.Findings, Finding{Section: section, Check: check, Level: level, Text: text})
	return &r.Findings[len(r.Findings)-1]
}

// because tells what the finding means.
func (f *Finding) because(why string) *Finding {
	f.Why = why
	return f
}

// fix names the commands that mend it.
func (f *Finding) fix(commands ...string) *Finding {
	f.Commands = commands
	return f
}

// safe says that they may be run at once.
func (f *Finding) safe() *Finding {
	f.Safe = true
	return f
}

// order is that of the sections; what is not here is an interface.
var order = []string{"node", "identity", "socket", "interfaces", "", "firewall", "routes", "internet", "peers", "storage"}

// done counts and orders.
func (r *Report) done() Report {
	out := Report{Findings: []Finding{}}
	for _, section := range order {
		for _, f := range r.Findings {
			if f.Section == section || section == "" && !known(f.Section) {
				out.Findings = append(out.Findings, f)
			}
		}
	}
	for _, f := range out.Findings {
		switch f.Level {
		case Problem:
			out.Problems++
		case Hint:
			out.Hints++
		}
	}
	return out
}

func known(section string) bool {
	for _, s := range order {
		if s == section && s != "" {
			return true
		}
	}
	return false
}

// quote writes a word for a POSIX shell.
func quote(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
