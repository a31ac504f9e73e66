package nat

import (
	"net/netip"
	"time"
)

// Bounds of what others can make us send to somebody (spec N5.1).
const (
	unprovenMost   = 5                // probes to an address where nothing has shown that the peer is there
	unprovenAgain  = 10 * time.Minute // after which it may have as many again
	maxUnproven    = 256              // addresses with an account; more get nothing
	witnessedMost  = 4096             // probes in unprovenAgain to one that a witness vouches for
	strangersEvery = 3 * time.Millisecond
	strangersQuick = 64 // probes to all of these together
)

// An account is what was sent to one address that has not proven anything.
type account struct {
	ip    netip.Addr
	count int
	until time.Time
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

// take admits one more probe to the address, or not.
func (b *budget) take(now time.Time, ip netip.Addr, witnessed bool) bool {
	most := unprovenMost
	if witnessed {
		most = witnessedMost
	}
	acct := b.account(now, site(ip))
	if acct == nil || acct.count >= most || !b.all.take(now, strangersEvery, strangersQuick) {
		return false
	}
	acct.count++
	return true
}

// account finds or opens an account, nil when there are too many.
func (b *budget) account(now time.Time, ip netip.Addr) *account {
	kept := b.accounts[:0]
	for _, x := range b.accounts {
		if x.until.After(now) {
			kept = append(kept, x)
		}
	}
	b.accounts = kept
	for i := range b.accounts {
		if b.accounts[i].ip == ip {
			return &b.accounts[i]
		}
	}
	if len(b.accounts) == maxUnproven {
		return nil
	}
	b.accounts = append(b.accounts, account{ip: ip, until: now.Add(unprovenAgain)})
	return &b.accounts[len(b.accounts)-1]
}
