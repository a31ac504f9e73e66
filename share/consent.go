package share

import (
	"fmt"
	"time"
)

// A Mode says whose files are taken without asking (spec F3.1).
type Mode string

// The modes of consent.
const (
	Ask      Mode = "ask"
	Contacts Mode = "contacts"
	All      Mode = "all"
	Never    Mode = "never"
)

// Rules that accept beside the modes All and Contacts.
const (
	RulePerson = "person" // somebody was asked
	RuleBefore = "before" // the same transfer was accepted before
)

// ParseMode reads a mode; the empty text is Contacts.
func ParseMode(text string) (Mode, error) {
	switch m := Mode(text); m {
	case "":
		return Contacts, nil
	case Ask, Contacts, All, Never:
		return m, nil
	}
	return "", fmt.Errorf("share: accept mode %q is none of ask, contacts, all, never", text)
}

// consent decides about the offer, asking a person if need be. It returns the rule
// that accepted; a *RefusedError is to be told to the sender.
func (r *receiver) consent() (rule string, err error) {
	x := r.x
	if x.Accept() == Never || x.cfg.Block(r.from) {
		return "", &RefusedError{RejectedByRule, "this node takes no files"}
	}
	switch before := x.inbox.known(r.from, r.offer.id); before {
	case StateAccepted, StateReceiving, StateInterrupted, StateDone, StateFailed:
		return r.accept(RuleBefore)
	}
	if x.inbox.cancelledNow(r.key()) { // spec F5.7
		return r.ask()
	}
	switch mode := x.Accept(); {
	case mode == All:
		return r.accept("all")
	case mode == Contacts && x.cfg.Known(r.from):
		return r.accept("contacts")
	}
	return r.ask()
}

func (r *receiver) accept(rule string) (string, error) {
	if !r.x.activate(r) {
		return "", &RefusedError{RejectedBusy, "too many transfers at once, try again later"}
	}
	r.begun = time.Now()
	r.item.Store(r.x.inbox.enter(r.from, &r.offer, StateReceiving))
	return rule, nil
}

// ask waits for a person's decision, or for the sender to leave (spec F3.2).
func (r *receiver) ask() (string, error) {
	it := r.x.inbox.enter(r.from, &r.offer, StateWaiting)
	if it == nil {
		return "", &RefusedError{RejectedBusy, "too many offers are waiting already"}
	}
	decided, stop := r.x.inbox.ask(it)
	defer stop()
	if err := r.p.tell(kWait, appendText(nil, "waiting for a person to accept")); err != nil {
		return "", err
	}
	if len(r.p.got) == 0 {
		select {
		case yes := <-decided:
			if !yes {
				return "", &RefusedError{RejectedByPerson, "declined"}
			}
			return r.accept(RulePerson)
		case r.p.got = <-r.p.in: // none when the stream has ended
		}
	}
	if _, err := r.p.next(); err != nil {
		return "", err
	}
	return "", protocolError("nothing may follow an offer")
}
