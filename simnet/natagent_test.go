package simnet

import (
	"net/netip"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/nat"
	"github.com/caracal-mesh/caracal/sid"
)

// An agentHost is an agent of package nat and as much of a node as it needs: neighbours that it calls, a relay that passes
// on what agents say to each other, and a handshake where a path was found. A thousandth of what a whole node costs.
//
//	┌──────┬──────┬────┬──────┬──────────┐   what: call, answered, mail, got, hello, heard, done, end
//	│ what │ from │ to │ id 2 │ mail …   │   from, to: the host's number; id: of a mail, counted by its sender
//	└──────┴──────┴────┴──────┴──────────┘
type agentHost struct {
	agent   *nat.Agent
	number  byte
	calls   []link.Path // of neighbours to call: the first is the relay
	list    []nat.Neighbour
	changes uint64
	out     []parcel
	mails   uint16
	seen    map[[4]byte]bool // mails that came, by from, to and id
}

// A parcel is a datagram on its way out, again and again until it is answered.
type parcel struct {
	to    link.Path
	data  []byte
	every time.Duration // 0: once
	tries int
	at    time.Time
}

// What agentHosts say to each other. Of NAT's own, the first byte is another.
const (
	sayCall = 0xf0 + iota
	sayAnswered
	sayMail
	sayGot
	sayHello
	sayHeard
	sayDone
	sayEnd
	sayHead  = 5
	mailRTO  = 110 * time.Millisecond // as a hop's on this way
	helloRTO = 250 * time.Millisecond // as a handshake's, and doubling
	mostSays = 6
)

// agentSIDs name the hosts by their numbers. The two ends' are another way round in worlds of odd seeds.
var agentSIDs = func() (list [4]sid.SID) {
	for i := range list {
		list[i] = sid.FromSeed([32]byte{byte(i + 1)}).SID()
	}
	return list
}()

// newAgents is a world as newPair's, of agents only.
func newAgents(seed uint64, kinds [2]natKind, loss float64) (w *pairWorld, agents map[*Host]*agentHost) {
	agents = map[*Host]*agentHost{}
	numbers := map[string]byte{"relay": 0, "other": 1, "a": 2 + byte(seed%2), "b": 3 - byte(seed%2)}
	w = layPair(seed, kinds, loss, func(w *World, name string) *Host {
		x := &agentHost{number: numbers[name], seen: map[[4]byte]bool{}}
		x.agent = nat.New(w.now, nat.Config{
			Self: agentSIDs[x.number], Seed: deriveSeed(seed, "agent "+name), Mesh: x, Port: Port, Send: x.mail,
		})
		x.agent.SetSecond(secondSocket, firstSocket+secondSocket)
		h := w.AddMachine(name, func(time.Time, uint32) Machine { return x })
		agents[h] = x
		return h
	})
	net := w.LinkNamed("net")
	for i, h := range []*Host{w.a, w.b} {
		at := net.Beyond(w.relay)
		if kinds[i].cfg.Blocked {
			at = w.LinkNamed(h.name+"-relay").Path(h, w.relay)
		}
		agents[h].calls = []link.Path{at, net.Beyond(w.Host("other"))}
		for _, at := range agents[h].calls {
			agents[h].say(w.now, at, sayCall, 0, 0, nil, helloRTO)
		}
		h.Wake()
	}
	return w, agents
}

func (x *agentHost) direct(other *agentHost) bool {
	return slices.ContainsFunc(x.list, func(n nat.Neighbour) bool { return n.SID == agentSIDs[other.number] && n.Proven })
}

// say sends something, until it is answered if every is not 0.
func (x *agentHost) say(now time.Time, to link.Path, what, about byte, id uint16, mail []byte, every time.Duration) {
	data := append([]byte{what, x.number, about, byte(id >> 8), byte(id)}, mail...)
	x.out = append(x.out, parcel{to: to, data: data, every: every, at: now})
}

// mail is nat.Config.Send: by way of the relay.
func (x *agentHost) mail(now time.Time, to sid.SID, payload []byte) error {
	at := x.pathTo(byte(slices.Index(agentSIDs[:], to)))
	if !at.Addr.IsValid() {
		at = x.calls[0]
	}
	x.mails++
	x.say(now, at, sayMail, byte(slices.Index(agentSIDs[:], to)), x.mails, payload, mailRTO)
	return nil
}

func (x *agentHost) pathTo(number byte) (at link.Path) {
	for _, n := range x.list {
		if n.SID == agentSIDs[number] {
			at = n.Path
		}
	}
	return at
}

// Neighbours is nat.Mesh's, as are the next four.
func (x *agentHost) Neighbours(f func(nat.Neighbour)) {
	for _, n := range x.list {
		f(n)
	}
}
func (x *agentHost) Called() int                           { return len(x.calls) }
func (x *agentHost) Changes() uint64                       { return x.changes }
func (x *agentHost) SetKeepalive(time.Time, time.Duration) {}
func (x *agentHost) Moved(time.Time)                       {}
func (x *agentHost) Meet(now time.Time, peer sid.SID, at link.Path) {
	x.say(now, at, sayHello, 0, 0, nil, helloRTO)
}

// SetInterface is Machine's, as are the next two; SetAddrs is an addressee's.
func (x *agentHost) SetInterface(time.Time, uint32, link.Caps) {}
func (x *agentHost) RemoveInterface(time.Time, uint32)         {}
func (x *agentHost) SetAddrs(now time.Time, iface uint32, addrs []netip.Prefix) {
	x.agent.SetAddrs(now, iface, addrs)
}

func (x *agentHost) Receive(now time.Time, from link.Path, data []byte) {
	if nat.Takes(data) {
		x.agent.Receive(now, from, data)
		return
	}
	what, number, about, id := data[0], data[1], data[2], uint16(data[3])<<8|uint16(data[4])
	switch what {
	case sayCall:
		x.say(now, from, sayAnswered, 0, 0, nil, 0)
		x.met(number, from, false)
	case sayAnswered, sayHeard:
		x.answered(from, what-1, 0)
		x.met(number, from, what == sayAnswered)
		if what == sayHeard {
			x.say(now, from, sayDone, 0, 0, nil, mailRTO)
		}
	case sayHello:
		x.say(now, from, sayHeard, 0, 0, nil, 0)
	case sayDone:
		x.met(number, from, false)
		x.say(now, from, sayEnd, 0, 0, nil, 0)
	case sayEnd:
		x.answered(from, sayDone, 0)
	case sayGot:
		x.answered(from, sayMail, id)
	case sayMail:
		x.say(now, from, sayGot, 0, id, nil, 0)
		key := [4]byte{number, about, data[3], data[4]}
		if x.seen[key] {
			return
		}
		x.seen[key] = true
		mail := append([]byte(nil), data[sayHead:]...)
		if about == x.number {
			x.agent.Deliver(now, agentSIDs[number], mail)
		} else if to := x.pathTo(about); to.Addr.IsValid() {
			x.say(now, to, sayMail, about, id, mail, mailRTO)
			x.out[len(x.out)-1].data[1] = number
		}
	}
}

// met notes a neighbour at a path where something was answered.
func (x *agentHost) met(number byte, at link.Path, wanted bool) {
	n := nat.Neighbour{SID: agentSIDs[number], Path: at, Proven: true, Wanted: wanted}
	if !slices.ContainsFunc(x.list, func(o nat.Neighbour) bool { return o.SID == n.SID && o.Path == at }) {
		x.list = append(x.list, n)
		x.changes++
	}
}

// answered ends the repetition of what was answered.
func (x *agentHost) answered(from link.Path, what byte, id uint16) {
	x.out = slices.DeleteFunc(x.out, func(p parcel) bool {
		return p.to == from && p.data[0] == what && p.data[3] == byte(id>>8) && p.data[4] == byte(id)
	})
}

func (x *agentHost) Processing(now time.Time, out *link.Batch) (next time.Time) {
	next = x.agent.Processing(now, out)
	if next.Equal(now) {
		return now
	}
	kept := x.out[:0]
	for _, p := range x.out {
		if agenda.Due(now, p.at) {
			if !out.Append(p.to, p.data) {
				panic("BUG: the batch is full")
			}
			p.tries++
			p.at = now.Add(p.every)
			if p.data[0] == sayHello {
				p.at = now.Add(p.every << (p.tries - 1))
			}
		}
		if p.every != 0 && p.tries < mostSays {
			kept = append(kept, p)
			next = agenda.Soonest(next, p.at)
		}
	}
	x.out = kept
	return next
}
