package nat

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/trace"
)

// A Reach says how far this machine gets (feature L41, spec N1.10).
type Reach string

// The reaches.
const (
	ReachUnknown Reach = ""        // nobody outside is configured or met: there is nobody to ask
	ReachNone    Reach = "no-link" // no interface has an address
	ReachCaptive Reach = "captive" // links are there, and nobody outside answers: they are blocked, or a portal wants a login first
	ReachOK      Reach = "ok"      // somebody beyond our links answers
)

// reachPatience is how long those outside have to answer before that says something.
const reachPatience = 10 * time.Second

// A reacher knows how far we get.
type reacher struct {
	reach Reach
	by    time.Time // until when silence says nothing; zero: it does
	tell  bool      // the result even if it is the same
	asked int       // how many outside are configured
}

// Recheck looks anew how far we get, and tells the result as an event, "reach-…", whatever it was.
func (a *Agent) Recheck(now time.Time) {
	a.learn.forget(now)
	a.reacher.by, a.reacher.tell, a.dirty = now.Add(reachPatience), true, true
}

// look judges how far we get, and tells it when it has changed or was asked for. It reports when to look again.
func (a *Agent) look(now time.Time) (next time.Time) {
	r := &a.reacher
	if asked := len(a.cfg.Servers) + a.cfg.Mesh.Called(); asked != r.asked {
		r.asked, r.by = asked, now.Add(reachPatience)
	}
	if agenda.Due(now, r.by) {
		r.by = time.Time{}
	}
	found := a.judgeReach()
	if found == ReachCaptive && !r.by.IsZero() {
		return r.by
	}
	if found != r.reach || r.tell {
		r.reach, r.tell = found, false
		a.emit(trace.Event{At: now, Kind: trace.Note, Reason: "reach-" + string(found)})
	}
	return r.by
}

func (a *Agent) judgeReach() Reach {
	if len(a.addrs) == 0 {
		return ReachNone
	}
	found := ReachUnknown
	if a.reacher.asked > 0 {
		found = ReachCaptive
	}
	for _, q := range a.learn.questions {
		if q.sid.IsZero() && !q.answered.IsZero() {
			found = ReachOK
		}
	}
	a.cfg.Mesh.Neighbours(func(n Neighbour) {
		if n.Path.Iface == 0 && n.Proven {
			found = ReachOK
		}
	})
	return found
}
