package pair

import (
	"crypto/ecdh"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"math/big"
	"strings"

	"github.com/schollz/pake/v3"
	"github.com/zeebo/blake3"

	"github.com/caracal-mesh/caracal/sid"
)

const pointSize = 65 // of an uncompressed point of P-256 (SEC 1 §2.3.3)

var errPoint = errors.New("pair: not a point of the curve")

// A role is a side of the exchange (spec P3.1).
type role int

const (
	joiner role = iota // party A
	inviter
)

// An exchange is one side's run of the password-authenticated key exchange (spec P3.1).
type exchange struct {
	p    *pake.Pake
	role role
	sids [2]sid.SID // of joiner and inviter
}

// public is the form in which the library takes and gives points.
type public struct {
	Role   int
	Xᵤ, Xᵥ *big.Int
	Yᵤ, Yᵥ *big.Int
}

func newExchange(r role, c Code, join, invite sid.SID) (*exchange, error) {
	p, err := pake.InitCurveWithIdentities(c.secret(), int(r), "p256", join[:], invite[:])
	return &exchange{p: p, role: r, sids: [2]sid.SID{join, invite}}, err
}

// point is our message: of the inviter, after take.
func (x *exchange) point() []byte {
	if x.role == joiner {
		return encodePoint(x.p.Xᵤ, x.p.Xᵥ)
	}
	return encodePoint(x.p.Yᵤ, x.p.Yᵥ)
}

func encodePoint(u, v *big.Int) []byte {
	b := make([]byte, pointSize)
	b[0] = 4
	u.FillBytes(b[1:33])
	v.FillBytes(b[33:])
	return b
}

// take takes the other side's message. The library is shown only what was proven to be a point of the curve.
func (x *exchange) take(point []byte) error {
	if _, err := ecdh.P256().NewPublicKey(point); err != nil || len(point) != pointSize {
		return errPoint
	}
	u, v := new(big.Int).SetBytes(point[1:33]), new(big.Int).SetBytes(point[33:])
	theirs := public{Role: int(1 - x.role), Xᵤ: u, Xᵥ: v}
	if x.role == joiner {
		theirs = public{Role: int(1 - x.role), Yᵤ: u, Yᵥ: v}
	}
	doc, err := json.Marshal(theirs)
	if err != nil {
		return err
	}
	return x.p.Update(doc)
}

// keys are what a complete exchange gives (spec P3.2–P3.4).
type keys struct{ k []byte }

// keys derives them; names are the joiner's and the inviter's.
func (x *exchange) keys(names [2]string) (keys, error) {
	shared, err := x.p.SessionKey()
	if err != nil {
		return keys{}, err
	}
	h := blake3.NewDeriveKey("caracal.pair/1 key")
	h.Write(shared)
	h.Write(x.sids[0][:])
	h.Write(x.sids[1][:])
	h.Write(encodePoint(x.p.Xᵤ, x.p.Xᵥ))
	h.Write(encodePoint(x.p.Yᵤ, x.p.Yᵥ))
	for _, n := range names {
		h.Write([]byte{byte(len(n))})
		h.Write([]byte(n))
	}
	return keys{h.Sum(nil)}, nil
}

func (k keys) about(what string) []byte {
	h, err := blake3.NewKeyed(k.k)
	if err != nil {
		panic("BUG: a key of the wrong size: " + err.Error())
	}
	h.Write([]byte(what))
	return h.Sum(nil)
}

// proof is what a side shows to prove that it knows the code (spec P3.3).
func (k keys) proof(of role) []byte {
	if of == joiner {
		return k.about("joiner")
	}
	return k.about("inviter")
}

// proves checks the proof of a side.
func (k keys) proves(of role, proof []byte) bool {
	return subtle.ConstantTimeCompare(k.proof(of), proof) == 1
}

// words are what both screens show (spec P3.4).
func (k keys) words() string {
	sum := k.about("words")
	return strings.ToUpper(words[sum[0]] + " " + words[sum[1]] + " " + words[sum[2]])
}
