package nat

import (
	"net/netip"
	"slices"
	"time"
)

// Bounds of what others can make us send to somebody (spec N5.1).
const (
	unprovenMost   = 5                // datagrams to an address where nothing has shown that the peer is there
	unprovenAgain  = 10 * time.Minute // after which it may have as many again
	vouchedMost    = 635              // besides, to one that a witness vouches for: a search, and what goes before it
	vouchedAgain   = time.Hour        // after which it may have as many again
	maxUnproven    = 256              // addresses with an account; more get nothing
	strangersEvery = 3 * time.Millisecond
	strangersQuick = 64 // datagrams to all of these together
)

// An account is what was sent to one address that has not proven anything.
type account struct {
	ip      netip.Addr
	plain   share
	vouched share // that a witness vouched for
}

// A share is a number of datagrams within a time.
type share struct {
	count int
	until time.Time
}

// take counts one more of at most so many in each span, or does not.
func (s *share) take(now time.Time, most int, span time.Duration) bool {
	if !s.until.After(now) {
		*s = share{until: now.Add(span)}
	}
	if s.count >= most {
		return false
	}
	s.count++
	return true
}

// budget keeps the accounts.
type budget struct {
	accounts []account
	all      bucket
}

// site is what has an account: an IPv4 address, or the /64 of an IPv6 one.
func site(ip netip.Addr) netip.Addr {
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return ip
}

// take admits one more datagram to the address, or not.
func (b *budget) take(now time.Time, ip netip.Addr, witnessed bool) bool {
	acct := b.account(now, site(ip))
	if acct == nil {
		return false
	}
	before := *acct
	if !acct.plain.take(now, unprovenMost, unprovenAgain) && !(witnessed && acct.vouched.take(now, vouchedMost, vouchedAgain)) {
		return false
	}
	if !b.all.take(now, strangersEvery, strangersQuick) {
		*acct = before
		return false
	}
	return true
}

// forget closes an address's account: the peer was shown to be there.
func (b *budget) forget(ip netip.Addr) {
	ip = site(ip)
	b.accounts = slices.DeleteFunc(b.accounts, func(x account) bool { return x.ip == ip })
}

// account finds or opens an account, nil when there are too many.
func (b *budget) account(now time.Time, ip netip.Addr) *account {
	b.accounts = slices.DeleteFunc(b.accounts, func(x account) bool {
		return x.ip != ip && !x.plain.until.After(now) && !x.vouched.until.After(now)
	})
	for i := range b.accounts {
		if b.accounts[i].ip == ip {
			return &b.accounts[i]
		}
	}
	if len(b.accounts) == maxUnproven {
		return nil
	}
	b.accounts = append(b.accounts, account{ip: ip})
	return &b.accounts[len(b.accounts)-1]
}
