package pair

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// A kind is the type of a message (spec P2).
type kind byte

const (
	kAsk kind = iota + 1
	kOpen
	kNone
	kStart
	kReply
	kProof
	kSame
	kEnd
)

// Bounds of messages (spec P2.1).
const (
	maxBody         = 256
	maxOwnName      = 63
	proofSize       = 32
	version         = 1
	machinePatience = 20 * time.Second
	personPatience  = 3 * time.Minute
)

// END codes (spec P2).
const (
	endWrong uint64 = iota + 1
	endDiffer
	endGaveUp
)

// A line carries messages over one stream.
type line struct {
	conn net.Conn
	r    *bufio.Reader
}

func newLine(conn net.Conn) *line { return &line{conn, bufio.NewReaderSize(conn, 512)} }

// tell sends one message.
func (l *line) tell(k kind, body []byte) error {
	b := binary.BigEndian.AppendUint32([]byte{byte(k)}, uint32(len(body)))
	if err := l.conn.SetWriteDeadline(time.Now().Add(machinePatience)); err != nil {
		return err
	}
	_, err := l.conn.Write(append(b, body...))
	return err
}

// hear takes the next message, which must be of a kind and come in time. An END comes as errEnded.
func (l *line) hear(k kind, patience time.Duration) ([]byte, error) {
	got, body, err := l.next(patience)
	switch {
	case err != nil:
		return nil, err
	case got == kEnd:
		r := wire.Read(body)
		return nil, &ended{r.Varint()}
	case got == kNone && k == kOpen:
		return nil, errNotThere
	case got != k:
		return nil, errOrder
	}
	return body, nil
}

func (l *line) next(patience time.Duration) (kind, []byte, error) {
	if err := l.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, nil, err
	}
	var head [5]byte
	if _, err := io.ReadFull(l.r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxBody {
		return 0, nil, wire.ErrMalformed
	}
	body := make([]byte, n)
	_, err := io.ReadFull(l.r, body)
	return kind(head[0]), body, err
}

var (
	errOrder    = errors.New("pair: a message out of order")
	errNotThere = errors.New("pair: no such invitation")
)

// ended is an END of the other side.
type ended struct{ code uint64 }

func (e *ended) Error() string { return "pair: ended by the other side" }

func appendAsk(number int) []byte {
	return wire.AppendVarint(wire.AppendVarint(nil, version), uint64(number))
}

func parseAsk(body []byte) (number int, err error) {
	r := wire.Read(body)
	v, n := r.Varint(), r.Varint()
	if v != version || n < 1 || n > maxNumber {
		r.Fail()
	}
	return int(n), r.End()
}

// A hello is the body of START, and with a proof that of REPLY.
type hello struct {
	point []byte
	proof []byte // nil in START
	name  string
}

func (h hello) append() []byte {
	b := append([]byte(nil), h.point...)
	b = append(b, h.proof...)
	b = wire.AppendVarint(b, uint64(len(h.name)))
	return append(b, h.name...)
}

func parseHello(body []byte, withProof bool) (h hello, err error) {
	r := wire.Read(body)
	h.point = r.Bytes(pointSize)
	if withProof {
		h.proof = r.Bytes(proofSize)
	}
	n := r.Varint()
	if n > maxOwnName {
		r.Fail()
	}
	h.name = string(r.Bytes(int(min(n, maxOwnName))))
	return h, r.End()
}
