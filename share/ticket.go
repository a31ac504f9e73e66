package share

import (
	"encoding/base32"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/caracal-mesh/caracal/sid"
)

// ErrTicket is returned by ParseTicket for what is no ticket.
var ErrTicket = errors.New("share: not a ticket")

const ticketStart = "CARACAL:"

var ticketText = base32.StdEncoding.WithPadding(base32.NoPadding)

// A Ticket names somebody, and maybe a share or an invitation of theirs, in characters of which QR codes are small
// (spec F8.7, P4.1).
type Ticket struct {
	SID    sid.SID
	Secret []byte   // 16 bytes, of a share; nil = none
	Code   string   // of an invitation; "" = none
	Addrs  []string // where to look for them, HOST:PORT; at most 4
}

// String is the ticket in capitals.
func (t *Ticket) String() string {
	s := ticketStart + strings.ToUpper(t.SID.String())
	if t.Secret != nil {
		s += "/S/" + ticketText.EncodeToString(t.Secret)
	}
	if t.Code != "" {
		s += "/I/" + strings.ToUpper(t.Code)
	}
	for _, a := range t.Addrs {
		s += "/A/" + strings.ToUpper(a)
	}
	return s
}

// IsTicket reports whether a text begins as tickets do.
func IsTicket(text string) bool {
	text = strings.TrimSpace(text)
	return len(text) > len(ticketStart) && strings.EqualFold(text[:len(ticketStart)], ticketStart)
}

// ParseTicket reads what String wrote, in capitals or not. ErrTicket, and the errors of sid.Parse.
func ParseTicket(text string) (t Ticket, err error) {
	text = strings.TrimSpace(text)
	if !IsTicket(text) || len(text) > 1024 {
		return t, ErrTicket
	}
	parts := strings.Split(text[len(ticketStart):], "/")
	if t.SID, err = sid.Parse(parts[0]); err != nil {
		return t, err
	}
	if len(parts)%2 == 0 {
		return t, ErrTicket
	}
	for i := 1; i < len(parts); i += 2 {
		switch value := parts[i+1]; strings.ToUpper(parts[i]) {
		case "S":
			if t.Secret, err = ticketText.DecodeString(strings.ToUpper(value)); err != nil || len(t.Secret) != 16 {
				return t, ErrTicket
			}
		case "I":
			t.Code = strings.ToLower(value)
		case "A":
			if len(t.Addrs) == 4 {
				return t, ErrTicket
			}
			t.Addrs = append(t.Addrs, strings.ToLower(value))
		}
	}
	return t, nil
}

// Ticket is the ticket of a share of the given node.
func (s *Share) Ticket(self sid.SID) string {
	secret, err := hex.DecodeString(s.Secret)
	if err != nil {
		panic("BUG: a secret that is not hex: " + err.Error())
	}
	t := Ticket{SID: self, Secret: secret}
	return t.String()
}
