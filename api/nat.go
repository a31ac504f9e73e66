package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/nat"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// routesOfNAT are the routes about paths through NATs.
func (s *Server) routesOfNAT(one func(string, func(*http.Request) (any, error))) {
	one("GET /v1/nat", s.nat)
	one("POST /v1/nat/check", s.checkReach)
	one("GET /v1/find", s.find)
	one("POST /v1/register", s.register)
	s.mux.HandleFunc("POST /v1/punch", s.punch)
}

// nat tells what stands between this node and the Internet: GET /v1/nat.
func (s *Server) nat(*http.Request) (any, error) { return s.lookAtNAT(), nil }

func (s *Server) lookAtNAT() client.NAT {
	st, now := s.Host.NAT()
	doc := client.NAT{
		Schema: client.SchemaNAT, Class: st.Class, Counts: st.Counts, Filtering: st.Filtering, Observers: st.Observers,
		Seen: texts(st.Seen), Own: texts(st.Own), Mapped: texts(st.Mapped), Lifetime: -1, Words: natWords(&st),
		PortMap: s.Host.PortMap(), Peers: []client.Punch{},
	}
	if st.Measured {
		doc.Lifetime = st.Lifetime.Seconds()
	}
	for _, p := range st.Peers {
		doc.Peers = append(doc.Peers, s.punchResult(&p, now))
	}
	return doc
}

// checkReach looks anew how far this machine gets; the result comes to those who watch: POST /v1/nat/check.
func (s *Server) checkReach(r *http.Request) (any, error) {
	s.Host.Do(func(now time.Time, n *node.Node) { n.NAT().Recheck(now) })
	return s.nat(r)
}

// tellNAT notes in a status what is known of NATs, if anybody beyond the LAN is spoken to.
func (s *Server) tellNAT(self *client.Self) {
	st, _ := s.Host.NAT()
	self.Outer = append(texts(st.Mapped), texts(st.Seen)...)
	if st.Class != "unknown" || len(self.Outer) > 0 {
		self.NAT, self.NATWords = st.Class, natWords(&st)
	}
	self.Reach = string(st.Reach)
	if words := reachWords[st.Reach]; words != "" {
		self.NATWords = words
	}
}

// reachWords tell how far this machine gets, when that is not far.
var reachWords = map[nat.Reach]string{
	nat.ReachNone:    "no network: no interface in use has an address",
	nat.ReachCaptive: "nobody outside answers: UDP is blocked on the way, or this network wants a login first",
}

func texts(list []netip.AddrPort) []string {
	out := []string{}
	for _, a := range list {
		out = append(out, a.String())
	}
	return out
}

// natWords tells it in one line.
func natWords(st *nat.Status) string {
	seen := strings.Join(texts(st.Seen), ", ")
	words := ""
	switch st.Class {
	case "none":
		words = "none: this node has a public address, " + seen
	case "easy":
		words = "easy: one outer address for all, " + seen
	case "hard":
		words = "hard: another port for every peer, now " + seen
		if st.Counts {
			words = "hard, but its ports can be foretold, now " + seen
		}
	case "blocked":
		words = "blocked: nobody outside answers by UDP"
	default:
		if words = "not known: nobody outside has told where it sees this node"; seen != "" {
			words = "not known: seen as " + seen + " by one observer only; it takes two"
		}
	}
	if st.Filtering == "loose" {
		words += "; lets in strangers"
	}
	if len(st.Mapped) > 0 {
		words += "; the router has opened " + strings.Join(texts(st.Mapped), ", ")
	}
	return words
}

// natReasons tell in words why there is no direct path.
var natReasons = map[nat.Reason]string{
	nat.ReasonBothHard:   "both networks change their ports for every peer (symmetric NAT), so nobody can know where to knock. Traffic stays on the mesh; opening a port at either router would help",
	nat.ReasonNoAnswer:   "its network lets no probe in, or drops ours",
	nat.ReasonNoAddress:  "nobody outside has told this node yet where it is seen. A node outside helps: caracal up --peer HOST",
	nat.ReasonNoReply:    "it did not reply to the invitation",
	nat.ReasonRefused:    "it opens no direct paths",
	nat.ReasonUnproven:   "one of the networks changes its ports, and searching them needs a node outside that knows both (--peer on both sides)",
	nat.ReasonNoKeys:     "the way was open, but no session came about on it",
	nat.ReasonPathClosed: "the direct path has closed; another try follows",
	nat.ReasonOff:        "direct paths are turned off here",
}

func (s *Server) punchResult(p *nat.Peer, now time.Time) client.Punch {
	doc := client.Punch{
		Schema: client.SchemaPunch, Event: "result", SID: p.SID.String(), Name: s.nameOf(p.SID), State: p.State, Round: p.Round,
		Direct: p.State == "direct", Reason: string(p.Reason),
	}
	switch {
	case doc.Direct:
		doc.Text = "direct"
	case p.Reason != nat.ReasonNone:
		doc.Text = natReasons[p.Reason]
	default:
		doc.Text = p.State
	}
	if !p.Again.IsZero() {
		doc.Text += fmt.Sprintf("; tried again in %s, or when something changes", p.Again.Sub(now).Round(time.Second))
	}
	return doc
}

// natWhy is why there is no direct path to a peer, in words; "" when none was tried.
func (s *Server) natWhy(peer sid.SID) string {
	st, now := s.Host.NAT()
	for _, p := range st.Peers {
		if p.SID == peer && p.State != "direct" && (p.Reason != nat.ReasonNone || p.State != "idle") {
			return s.punchResult(&p, now).Text
		}
	}
	return ""
}

// stepWords tell steps in words; %d is how many, %s where.
var stepWords = map[string]string{
	"asking-about-a-fresh-socket": "asked %d observers where they see a fresh socket",
	"inviting":                    "told it %d addresses of ours, over the mesh",
	"invited":                     "it told us %d addresses, over the mesh",
	"accepting":                   "told it %d addresses of ours in answer",
	"accepted":                    "it told us %d addresses in answer, both begin",
	"vouched-for":                 "a node that knows both says that it is at %s",
	"openers":                     "opened our own NAT for %d addresses with probes that die on the way",
	"probing":                     "probing %d addresses",
	"many-sockets-opened":         "opened %d sockets of ours for it to find",
	"searching-ports":             "searching %d ports of %s",
	"probe-came":                  "its probe came from %s",
	"pong":                        "it answered from %s",
	"handshake":                   "handshake with %s",
	"direct":                      "direct, at %s",
	"path-closed":                 "the direct path has closed",
}

// singular mends what is said of many where there is one.
var singular = strings.NewReplacer("1 observers where they see", "1 observer where it sees", "1 addresses", "1 address")

func stepText(st nat.Step) string {
	words := stepWords[st.What]
	where := ""
	if st.Path.Addr.Addr().IsValid() {
		where = st.Path.Addr.Addr().String()
		if st.Path.Addr.Port() != 0 {
			where = st.Path.Addr.String()
		}
	}
	switch {
	case words == "" && natReasons[nat.Reason(st.What)] != "":
		return fmt.Sprintf("round %d came to nothing: %s", st.N, natReasons[nat.Reason(st.What)])
	case words == "":
		return st.What
	case strings.Contains(words, "%d") && strings.Contains(words, "%s"):
		return fmt.Sprintf(words, st.N, where)
	case strings.Contains(words, "%d"):
		if st.N == 1 {
			return singular.Replace(fmt.Sprintf(words, st.N))
		}
		return fmt.Sprintf(words, st.N)
	case strings.Contains(words, "%s"):
		return fmt.Sprintf(words, where)
	}
	return words
}

// punch opens a direct path to a peer, telling each step: POST /v1/punch?peer=PEER.
func (s *Server) punch(w http.ResponseWriter, r *http.Request) {
	peer, err := s.other(r.URL.Query().Get("peer"))
	if err != nil {
		fail(w, err)
		return
	}
	var out *lines
	put := func(doc client.Punch) {
		if out == nil {
			l := newLines(w)
			out = &l
		}
		out.put(doc)
	}
	var began time.Time
	p, direct, err := s.Host.Punch(r.Context(), peer, func(st nat.Step) {
		if began.IsZero() {
			began = st.At
		}
		doc := client.Punch{Schema: client.SchemaPunch, Event: "step", SID: peer.String(), Name: s.nameOf(peer), Step: st.What, Count: st.N, At: st.At.Sub(began).Seconds(), Text: stepText(st)}
		if st.Path.Addr.IsValid() {
			doc.Addr = st.Path.Addr.String()
		}
		put(doc)
	})
	if err != nil && out == nil {
		fail(w, s.netError(peer, err))
		return
	}
	_, now := s.Host.NAT()
	p.SID = peer
	result := s.punchResult(&p, now)
	if direct {
		result.Direct, result.Text, result.Reason = true, "direct", ""
	}
	put(result)
	out.end(nil)
}
