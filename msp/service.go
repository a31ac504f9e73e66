package msp

import (
	"cmp"
	"slices"

	"github.com/caracal-mesh/caracal/sid"
)

// An About describes a listener to those who ask what there is (spec M16.3).
type About struct {
	Service, Protocol string // one line each, UTF-8; together at most 255 bytes
	Hidden            bool   // nobody is told of it
}

// ErrServiceInUse says that somebody listens to that service and protocol already. It is an ErrInUse.
var ErrServiceInUse error = serviceInUse{}

type serviceInUse struct{}

func (serviceInUse) Error() string { return "msp: service and protocol in use" }

func (serviceInUse) Is(target error) bool { return target == ErrInUse }

// name puts the listener of a service in its place among the named ones.
func (e *Engine) name(l *Listener) {
	i, _ := slices.BinarySearchFunc(e.named, l, compareListeners)
	e.named = slices.Insert(e.named, i, l)
}

// unname takes it out again.
func (e *Engine) unname(l *Listener) {
	if i := slices.Index(e.named, l); i >= 0 {
		e.named = slices.Delete(e.named, i, i+1)
	}
}

func compareListeners(a, b *Listener) int {
	return cmp.Or(cmp.Compare(a.key.target.Service, b.key.target.Service),
		cmp.Compare(a.key.target.Protocol, b.key.target.Protocol), a.key.local.Compare(b.key.local))
}

// absent is the code that says why nobody listens to the target at our local (spec M16.2). What
// is hidden does not show.
func (e *Engine) absent(local sid.SID, t Target) (code uint32) {
	if t.Service == "" {
		return 0
	}
	for _, l := range e.named {
		if l.key.target.Service == t.Service && !l.about.Hidden && l.at(local) {
			return refusedProtocol
		}
	}
	return refusedService
}

// at reports whether the listener listens at one of our SIDs.
func (l *Listener) at(local sid.SID) bool { return l.key.local.IsZero() || l.key.local == local }
