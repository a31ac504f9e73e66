package session

import (
	"crypto/cipher"
	"crypto/subtle"
	"hash"
	"time"

	"golang.org/x/crypto/blake2s"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

const (
	secretLife = 120 * time.Second // of the secret under which cookies are made (spec S6.3)
	cookieLife = 120 * time.Second // how long the one who got a cookie uses it (spec S6.4)
	maxOwed    = 256               // cookies to be sent
)

// A jar makes cookies and knows them again (spec S6.3). It keeps nothing per source.
//
//	     gone │ previous: opens │ current: makes and opens
//	──────────┼─────────────────┼──────────────────────────→ time
//	                          since
type jar struct {
	current, previous hash.Hash // keyed with the secrets; nil: none yet
	since             time.Time
	owed              []owedCookie
	scratch           [22]byte
}

// An owedCookie waits to be sent to who must prove its address.
type owedCookie struct {
	to    link.Path
	local *local
	index uint32
	mac1  [wire.MACSize]byte
}

// turn changes the secret when it is due.
func (t *Table) turn(now time.Time) {
	j := &t.jar
	age := now.Sub(j.since)
	switch {
	case j.current == nil, age < 0, age >= 2*secretLife: // no cookie that is out is still good
		j.previous = t.newSecret()
	case age < secretLife:
		return
	default:
		j.previous = j.current
	}
	j.current, j.since = t.newSecret(), now
}

func (t *Table) newSecret() hash.Hash {
	var secret [32]byte
	t.rng.Read(secret[:])
	defer clear(secret[:])
	return keyed(secret[:])
}

// cookieOf is the cookie of a path under a secret (spec S6.3).
func (j *jar) cookieOf(secret hash.Hash, from link.Path) [wire.CookieSize]byte {
	ip, port, i := from.Addr.Addr().As16(), from.Addr.Port(), from.Iface
	b := append(j.scratch[:0], byte(i>>24), byte(i>>16), byte(i>>8), byte(i), byte(port>>8), byte(port))
	return sum16(secret, append(b, ip[:]...))
}

// proven reports whether the handshake 1 shows, by its mac2, that its sender gets what
// is sent to the path (spec S6.3).
func (t *Table) proven(now time.Time, from link.Path, msg []byte) bool {
	covered, _, got := wire.HandshakeMACs(msg)
	var none [wire.MACSize]byte
	if from.Everybody() || [wire.MACSize]byte(got) == none {
		return false
	}
	t.turn(now)
	for _, secret := range [...]hash.Hash{t.jar.current, t.jar.previous} {
		cookie := t.jar.cookieOf(secret, from)
		if mac := mac2(&cookie, covered); subtle.ConstantTimeCompare(mac[:], got) == 1 {
			return true
		}
	}
	return false
}

// oweCookie has a cookie sent in answer to the handshake 1.
func (t *Table) oweCookie(from link.Path, l *local, h wire.Handshake) {
	if from.Everybody() || len(t.jar.owed) == maxOwed {
		t.stats.CookiesDropped++
		return
	}
	t.jar.owed = append(t.jar.owed, owedCookie{to: from, local: l, index: h.Index, mac1: [wire.MACSize]byte(h.MAC1)})
}

// OwesCookies reports whether Cookies has something to send.
func (t *Table) OwesCookies() bool { return len(t.jar.owed) > 0 }

// Cookies sends the cookies owed to those who must prove their addresses, in the order
// asked for (spec S6.2). send borrows msg; when it returns false the rest waits for the
// next call. It belongs to the caller's Processing.
func (t *Table) Cookies(now time.Time, send func(to link.Path, msg []byte) bool) {
	j := &t.jar
	if len(j.owed) == 0 {
		return
	}
	t.turn(now)
	var buf [wire.CookieMessageSize]byte
	sent := 0
	for i := range j.owed {
		o := &j.owed[i]
		msg := wire.AppendHandshakeHead(buf[:0], wire.TypeCookie, o.index)
		nonce := buf[len(msg) : len(msg)+wire.CookieNonceSize]
		t.rng.Read(nonce)
		cookie := j.cookieOf(j.current, o.to)
		msg = o.local.cookies.Seal(buf[:len(msg)+len(nonce)], nonce, cookie[:], o.mac1[:])
		if !send(o.to, msg) {
			break
		}
		t.stats.CookiesSent++
		sent++
	}
	j.owed = j.owed[:copy(j.owed, j.owed[sent:])]
}

// A cookieHeld is the last cookie that a remote gave us.
type cookieHeld struct {
	cookie [wire.CookieSize]byte
	until  time.Time // zero: none
}

// ReceiveCookie takes a cookie message (first byte C3): the handshake of ours that it
// answers is due again, this time with mac2 (spec S6.4). Errors: ErrUnknownIndex, ErrAuth.
// The Peer returned wants its Processing called.
func (t *Table) ReceiveCookie(now time.Time, msg []byte) (*Peer, error) {
	c, err := wire.ParseCookie(msg)
	if err != nil {
		return nil, t.badHandshake()
	}
	p := t.pending[c.Index]
	if p == nil {
		t.stats.UnknownIndex++
		return nil, ErrUnknownIndex
	}
	s := p.initiation.shot(c.Index)
	_, sent, _ := wire.HandshakeMACs(s.msg)
	cookie, err := cookieAEAD(p.remote, t.network).Open(nil, c.Nonce, c.Sealed, sent)
	if err != nil {
		return nil, t.badHandshake()
	}
	t.stats.CookiesReceived++
	copy(p.cookie.cookie[:], cookie)
	p.cookie.until = now.Add(cookieLife)
	if !s.proving { // once; after that the usual waits hold
		s.proving, s.sent = true, false
	}
	return p, nil
}

// prove writes mac2 into the handshake 1 about to be sent: under the remote's cookie, or
// zero when we have none (spec S6.4).
func (p *Peer) prove(now time.Time, msg []byte) {
	covered, _, at := wire.HandshakeMACs(msg)
	clear(at)
	if now.Before(p.cookie.until) {
		mac := mac2(&p.cookie.cookie, covered)
		copy(at, mac[:])
	}
}

// mac2 proves that its maker got the cookie (spec S6.3).
func mac2(cookie *[wire.CookieSize]byte, covered []byte) (mac [wire.MACSize]byte) {
	return sum16(keyed(cookie[:]), covered)
}

// cookieAEAD seals the cookies that from gives out (spec S6.2).
func cookieAEAD(from sid.SID, network [16]byte) cipher.AEAD {
	b := append([]byte("caracal/1 cookie\x00"), from[:]...)
	key := blake2s.Sum256(append(b, network[:]...))
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return aead
}
