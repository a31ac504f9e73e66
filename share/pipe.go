package share

import (
	"bufio"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Patience on a stream (spec F1.3).
const (
	keepEvery = 5 * time.Second
	patience  = 20 * time.Second
	lingerFor = 3 * time.Second // for a last word

	cancelHolds = 2 * patience // a sender that lost the stream has given up by then (spec F5.6)
)

// recvBuffer is how much a peer may send before we have taken it, in bytes: enough for 600 Mbit/s at 100 ms. Left to itself
// a stream lets several times that wait for a disk that is slower than the network.
const recvBuffer = 8 << 20

// errSilent is the end of our patience.
var errSilent = errors.New("share: peer is silent")

// A pipe carries frames over one stream, both ways. Frames are read by a goroutine
// of its own, so that news of the peer are seen while we write.
type pipe struct {
	conn     net.Conn
	in       chan []frame // those that came together; closed after the last frame; then err holds
	got      []frame      // of these, what next has not given yet
	flow     *inflow
	err      error
	stop     chan struct{}
	stopOnce sync.Once
	heard    atomic.Int64 // when bytes last came in, unix ns
	dead     atomic.Bool  // nothing more comes in

	mu   sync.Mutex // over w and what follows
	w    *bufio.Writer
	sent time.Time // last frame written
	head [headSize]byte
}

// newPipe starts reading frames from conn. Close ends it.
func newPipe(conn net.Conn) *pipe {
	p := &pipe{
		conn: conn,
		in:   make(chan []frame, 2),
		stop: make(chan struct{}),
		sent: time.Now(),
	}
	if c, ok := conn.(interface{ SetRecvBuffer(int) }); ok {
		c.SetRecvBuffer(recvBuffer)
	}
	p.heard.Store(time.Now().UnixNano())
	p.flow = newInflow(&patientReader{p: p})
	p.w = bufio.NewWriterSize(patientWriter{p}, 4*chunkSize)
	go p.read()
	go p.keep()
	return p
}

// close ends the stream at once.
func (p *pipe) close() {
	p.stopOnce.Do(func() { close(p.stop) })
	p.conn.Close()
}

// send writes one frame whose body is head followed by tail.
func (p *pipe) send(k kind, head, tail []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.head[0] = byte(k)
	binary.BigEndian.PutUint32(p.head[1:], uint32(len(head)+len(tail)))
	p.w.Write(p.head[:])
	p.w.Write(head)
	_, err := p.w.Write(tail)
	p.sent = time.Now()
	return err
}

// push writes whole frames that were made elsewhere, at once.
func (p *pipe) push(frames []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.w.Flush(); err != nil {
		return err
	}
	_, err := patientWriter{p}.Write(frames)
	p.sent = time.Now()
	return err
}

// flush sends what is buffered.
func (p *pipe) flush() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.w.Flush()
}

// tell sends one frame at once.
func (p *pipe) tell(k kind, body []byte) error {
	if err := p.send(k, body, nil); err != nil {
		return err
	}
	return p.flush()
}

// within ends the stream after that time, unless it is stopped before.
func (p *pipe) within(d time.Duration) *time.Timer { return time.AfterFunc(d, p.close) }

// linger lets the peer hear our last word: it waits, for a moment, until the peer closes.
func (p *pipe) linger() {
	defer p.within(lingerFor).Stop()
	for p.some() == nil {
		for _, f := range p.got {
			p.release(f)
		}
		p.got = nil
	}
}

// release gives a chunk's body back; of other frames there is nothing to give back.
func (p *pipe) release(f frame) {
	if f.block != nil {
		p.flow.release(f.block)
	}
}

// some waits until there are frames to take.
func (p *pipe) some() error {
	if len(p.got) == 0 {
		p.got = <-p.in
	}
	if len(p.got) == 0 {
		return p.err
	}
	return nil
}

// next takes the next frame. A FAIL of the peer comes as *PeerError. One goroutine may take frames.
func (p *pipe) next() (frame, error) {
	if err := p.some(); err != nil {
		return frame{}, err
	}
	f := p.got[0]
	p.got = p.got[1:]
	if f.kind == kFail {
		return frame{}, failure(f.body)
	}
	return f, nil
}

// nextWithin takes the next frame, which must come in time.
func (p *pipe) nextWithin(d time.Duration) (frame, error) {
	defer p.within(d).Stop()
	return p.next()
}

// failure is a FAIL body as an error.
func failure(body []byte) error {
	c, err := parseCoded(body)
	if err != nil {
		return err
	}
	return &PeerError{c.code, c.text}
}

// read is the goroutine that fills in. Frames that came together are handed over together: a small file is three of them, and goroutines that
// change over for each would cost more than the file.
func (p *pipe) read() {
	defer close(p.in)
	defer p.dead.Store(true)
	for {
		var batch []frame
		err := p.flow.batch(&batch)
		if len(batch) > 0 {
			select {
			case p.in <- batch:
			case <-p.stop:
				err = net.ErrClosed
			}
		}
		if err != nil {
			p.err = err
			return
		}
	}
}

// keep is the goroutine that sends KEEP (spec F1.3).
func (p *pipe) keep() {
	tick := time.NewTicker(keepEvery / 2)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			if !p.mu.TryLock() {
				continue // something is being written
			}
			quiet := time.Since(p.sent) >= keepEvery
			p.mu.Unlock()
			if quiet {
				p.tell(kKeep, nil)
			}
		}
	}
}

// A patientReader reads until the peer was silent for patience.
type patientReader struct {
	p   *pipe
	set time.Time // when the deadline was set
}

func (r *patientReader) Read(b []byte) (int, error) {
	now := time.Now()
	if now.Sub(r.set) > patience/20 {
		r.p.conn.SetReadDeadline(now.Add(patience))
		r.set = now
	}
	n, err := r.p.conn.Read(b)
	if n > 0 {
		r.p.heard.Store(time.Now().UnixNano())
	}
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		err = errSilent
	}
	return n, err
}

// A patientWriter writes until for patience no byte went either way.
type patientWriter struct{ p *pipe }

func (w patientWriter) Write(b []byte) (n int, err error) {
	for n < len(b) {
		w.p.conn.SetWriteDeadline(time.Now().Add(patience))
		m, err := w.p.conn.Write(b[n:])
		n += m
		if err == nil {
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if quiet := time.Since(time.Unix(0, w.p.heard.Load())); m == 0 && quiet >= patience {
			return n, errSilent
		}
	}
	return n, nil
}
