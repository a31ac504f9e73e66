package client

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
)

// TubeProtocol is what a request is upgraded to when it becomes a Tube.
const TubeProtocol = "caracal-tube/1"

// The kinds of frames in a Tube: kind 1, length 3, bytes.
const (
	frameData      = 0 // bytes of the stream; or one datagram
	frameEnd       = 1 // no more data in this direction
	frameError     = 2 // it ended before its time: an Error
	frameDelivered = 3 // by the node: the peer has acknowledged all, and the end
)

// MaxFrame is the most bytes of a frame. A datagram is not larger.
const MaxFrame = 1 << 16

const frameHeader = 4

// A Tube carries one stream of the mesh between the node and a program on this machine. One goroutine may
// read while another writes.
type Tube struct {
	Peer, Name string // SID; and how the peer is called here, escaped

	conn net.Conn
	in   *bufio.Reader

	left      int   // bytes of the data frame that are not read
	ended     error // what reading ends with
	delivered chan struct{}
	once      sync.Once

	writing sync.Mutex
	header  [frameHeader]byte
}

// NewTube makes a Tube of a connection to the other end. in holds what was read of it already.
func NewTube(c net.Conn, in *bufio.Reader) *Tube {
	return &Tube{conn: c, in: in, delivered: make(chan struct{})}
}

// Read reads bytes of the stream. io.EOF when the other end sends no more, *Error when it
// ended before its time.
func (t *Tube) Read(p []byte) (n int, err error) {
	for t.left == 0 {
		if err := t.next(); err != nil {
			return 0, err
		}
	}
	n, err = t.in.Read(p[:min(len(p), t.left)])
	t.left -= n
	return n, cut(err)
}

// ReadFrame reads one datagram into p, of MaxFrame bytes. Errors as Read.
func (t *Tube) ReadFrame(p []byte) (n int, err error) {
	if err := t.next(); err != nil {
		return 0, err
	}
	n, t.left = t.left, 0
	_, err = io.ReadFull(t.in, p[:n])
	return n, cut(err)
}

// next reads the header of the next data frame.
func (t *Tube) next() error {
	for {
		if t.ended != nil {
			return t.ended
		}
		var h [frameHeader]byte
		if _, err := io.ReadFull(t.in, h[:]); err != nil {
			t.ended = cut(err)
			continue
		}
		n := int(binary.BigEndian.Uint32(h[:]) & 0xffffff)
		if n > MaxFrame {
			t.ended = Errorf(Failed, "the node does not speak %s as we do: restart it with caracal down, caracal up", TubeProtocol)
			continue
		}
		switch h[0] {
		case frameData:
			t.left = n
			return nil
		case frameEnd:
			t.ended = io.EOF
		case frameError:
			t.ended = t.readError(n)
		case frameDelivered:
			t.once.Do(func() { close(t.delivered) })
		}
	}
}

func (t *Tube) readError(n int) error {
	e := &Error{}
	text := make([]byte, n)
	if _, err := io.ReadFull(t.in, text); err != nil {
		return cut(err)
	}
	if err := json.Unmarshal(text, e); err != nil {
		return err
	}
	return e
}

// cut makes an end in the middle an error: the other program or the node is gone.
func cut(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrCut
	}
	return err
}

// ErrCut says that the other end of a tube went without a word.
var ErrCut = errors.New("the other end of the local socket is gone")

// Write sends bytes of the stream; with at most MaxFrame bytes, one datagram.
func (t *Tube) Write(p []byte) (n int, err error) {
	for first := true; first || len(p) > 0; first = false {
		m := min(len(p), MaxFrame)
		if err := t.frame(frameData, p[:m]); err != nil {
			return n, err
		}
		n += m
		p = p[m:]
	}
	return n, nil
}

// CloseWrite ends our direction.
func (t *Tube) CloseWrite() error { return t.frame(frameEnd, nil) }

// Fail ends the stream before its time, and tells why.
func (t *Tube) Fail(e *Error) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return t.frame(frameError, text[:min(len(text), MaxFrame)])
}

// Deliver tells, from the node, that all was delivered.
func (t *Tube) Deliver() error { return t.frame(frameDelivered, nil) }

// frame sends one frame with one system call.
func (t *Tube) frame(kind byte, p []byte) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	binary.BigEndian.PutUint32(t.header[:], uint32(kind)<<24|uint32(len(p)))
	both := net.Buffers{t.header[:], p}
	_, err := both.WriteTo(t.conn)
	return err
}

// Finish waits, after CloseWrite and after Read has returned io.EOF, until the peer has acknowledged all that was written.
func (t *Tube) Finish() error {
	if t.ended == io.EOF {
		t.ended = nil // there may come one frame more
	}
	for {
		select {
		case <-t.delivered:
			return nil
		default:
		}
		var p [1]byte
		if _, err := t.Read(p[:]); err != nil {
			select {
			case <-t.delivered:
				return nil
			default:
				return err
			}
		}
	}
}

// Gone waits, after Read has returned io.EOF, until the other end leaves or fails.
func (t *Tube) Gone() error {
	t.ended = nil
	return t.next()
}

// Close leaves the stream. Before both directions have ended, it is reset.
func (t *Tube) Close() error { return t.conn.Close() }

// upgrade makes a request that becomes a Tube.
func (c *Client) upgrade(ctx context.Context, path string, q url.Values) (*Tube, error) {
	socket, done, err := SocketPath(c.home)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	defer done()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	t, err := c.handshake(conn, path, q)
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, c.unreachable(ctx, err)
	}
	return t, nil
}

func (c *Client) handshake(conn net.Conn, path string, q url.Values) (*Tube, error) {
	req, err := http.NewRequest(http.MethodPost, "http://caracal"+path+"?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", TubeProtocol)
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(conn, MaxFrame+frameHeader)
	resp, err := http.ReadResponse(in, req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, refusal(resp)
	}
	t := NewTube(conn, in)
	t.Peer = resp.Header.Get("Caracal-Peer")
	t.Name, _ = url.QueryUnescape(resp.Header.Get("Caracal-Name"))
	return t, nil
}
