package session

import (
	"crypto/cipher"
	"crypto/subtle"
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
//	     gone │ the other secret: opens │ secrets[turn]: makes and opens
//	──────────┼─────────────────────────┼───────────────────────────────→ time
//	                                  since
type jar struct {
	secrets [2][32]byte
	turn    byte      // which of them is in use: the first bit of its cookies
	since   time.Time // zero: there is none yet
	owed    []owedCookie
	message [wire.CookieMessageSize]byte // being made
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
	case j.since.IsZero(), age < 0, age >= 2*secretLife: // no cookie that is out is still good
		t.rng.Read(j.secrets[j.turn][:])
	case age < secretLife:
		return
	}
	j.turn ^= 1
	t.rng.Read(j.secrets[j.turn][:])
	j.since = now
}

// cookieOf is the cookie of a path under one of the secrets (spec S6.3).
func (j *jar) cookieOf(turn byte, from link.Path) [wire.CookieSize]byte {
	var room [len(j.secrets[0]) + 22]byte
	ip, port, i := from.Addr.Addr().As16(), from.Addr.Port(), from.Iface
	b := append(room[:0], j.secrets[turn][:]...)
	b = append(b, byte(i>>24), byte(i>>16), byte(i>>8), byte(i), byte(port>>8), byte(port))
	sum := blake2s.Sum256(append(b, ip[:]...))
	cookie := [wire.CookieSize]byte(sum[:])
	mark(&cookie, turn)
	return cookie
}

// mark makes the first bit say which secret is behind the rest.
func mark(b *[wire.CookieSize]byte, turn byte) { b[0] = b[0]&0x7f | turn<<7 }

// proven reports whether the handshake 1 shows, by its mac2, that its sender gets what
// is sent to the path (spec S6.3).
func (t *Table) proven(now time.Time, from link.Path, h wire.Handshake) bool {
	got := [wire.MACSize]byte(h.MAC2)
	if from.Everybody() || got == [wire.MACSize]byte{} {
		return false
	}
	t.turn(now)
	cookie := t.jar.cookieOf(got[0]>>7, from)
	mac := mac2(&cookie, h.MAC1)
	return subtle.ConstantTimeCompare(mac[:], got[:]) == 1
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
	buf := j.message[:]
	sent := 0
	for i := range j.owed {
		o := &j.owed[i]
		msg := wire.AppendHandshakeHead(buf[:0], wire.TypeCookie, o.index)
		nonce := buf[len(msg) : len(msg)+wire.CookieNonceSize]
		t.rng.Read(nonce)
		cookie := j.cookieOf(j.turn, o.to)
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
	_, mac1, at := wire.HandshakeMACs(msg)
	clear(at)
	if now.Before(p.cookie.until) {
		mac := mac2(&p.cookie.cookie, mac1)
		copy(at, mac[:])
	}
}

// mac2 proves that its maker got the cookie (spec S6.3).
func mac2(cookie *[wire.CookieSize]byte, mac1 []byte) (mac [wire.MACSize]byte) {
	const label = "caracal/1 mac2\x00"
	var room [len(label) + wire.CookieSize + wire.MACSize]byte
	sum := blake2s.Sum256(append(append(append(room[:0], label...), cookie[:]...), mac1...))
	copy(mac[:], sum[:])
	mark(&mac, cookie[0]>>7)
	return mac
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
