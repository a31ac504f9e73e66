package pair

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/zeebo/blake3"

	"github.com/caracal-mesh/caracal/internal/near"
)

// maxNumber is the largest number of a code (spec P1.1).
const maxNumber = 999

// maxTypos is how many letters of a word may be wrong for it to be recognised.
const maxTypos = 2

// A Code is what one person tells the other (spec P1.1).
type Code struct {
	Number int
	Words  [3]string
}

// String is the code as it is said: "7-copper-lemon-anchor".
func (c Code) String() string { return fmt.Sprintf("%d-%s", c.Number, c.password()) }

func (c Code) password() string { return strings.Join(c.Words[:], "-") }

// newCode draws a code.
func newCode() Code {
	var b [8]byte
	rand.Read(b[:])
	c := Code{Number: int(binary.BigEndian.Uint32(b[:4])%maxNumber) + 1}
	for i := range c.Words {
		c.Words[i] = words[b[4+i]]
	}
	return c
}

// A CodeError tells what is wrong with a typed code.
type CodeError struct {
	Word    string // that is not in the list; "" when the form is wrong
	Nearest string // the word that was probably meant; "" = none
}

func (e *CodeError) Error() string {
	switch {
	case e.Word == "":
		return "pair: not a code"
	case e.Nearest == "":
		return "pair: no code has the word " + strconv.Quote(e.Word)
	}
	return "pair: no code has the word " + strconv.Quote(e.Word) + "; " + e.Nearest + "?"
}

// ParseCode reads a code as people type it. Errors are *CodeError.
func ParseCode(text string) (c Code, err error) {
	if len(text) > 256 {
		return c, &CodeError{}
	}
	parts := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune(" -._\t\r\n", r) })
	if len(parts) != 1+len(c.Words) {
		return c, &CodeError{}
	}
	if c.Number, err = strconv.Atoi(parts[0]); err != nil || c.Number < 1 || c.Number > maxNumber {
		return c, &CodeError{}
	}
	for i, w := range parts[1:] {
		if _, ok := index[w]; !ok {
			return c, &CodeError{w, near.Word(w, words, maxTypos+1)}
		}
		c.Words[i] = w
	}
	return c, nil
}

// secret is the password as the exchange takes it (spec P3.1).
func (c Code) secret() []byte {
	h := blake3.NewDeriveKey("caracal.pair/1 password")
	h.Write(binary.BigEndian.AppendUint16(nil, uint16(c.Number)))
	h.Write([]byte(c.password()))
	return h.Sum(nil)
}
