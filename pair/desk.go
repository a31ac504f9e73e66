// Package pair makes two nodes contacts by a short code that one person says to another (docs/spec/pair.md).
package pair

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/sid"
)

// Service is the name under which nodes hear joiners.
const Service = "caracal.pair/1"

// ValidFor is how long an invitation is open (spec P1.3).
const ValidFor = 10 * time.Minute

// Bounds of a desk (spec P1.3, P2.2).
const (
	maxInvitations = 8
	maxJoiners     = 16
	maxPerJoiner   = 2
)

// A Network carries streams to services of peers. The addresses of its connections are mdp.Addrs.
type Network interface {
	DialService(ctx context.Context, peer sid.SID, service string) (net.Conn, error)
	ListenService(service string) (net.Listener, error)
}

// A Person decides about one pairing. Its methods are called one after the other, from a goroutine of the pairing.
type Person interface {
	// Found tells whom the other machine is, by what it says.
	Found(peer sid.SID, name string)
	// Same asks whether the other screen shows the same words.
	Same(ctx context.Context, words string) bool
}

// A Result is a pairing that both people have confirmed.
type Result struct {
	Peer sid.SID
	Name string // what it calls itself; not escaped
}

// Why a pairing came to nothing.
var (
	ErrWrongCode = errors.New("pair: wrong code, or somebody is in between") // spec P3.3
	ErrDiffer    = errors.New("pair: the words differ")                      // a person said so
	ErrGaveUp    = errors.New("pair: the other side gave up")
	ErrLate      = errors.New("pair: nobody came in time")
	ErrNotFound  = errors.New("pair: nobody in reach has that invitation")
	ErrTooMany   = errors.New("pair: too many invitations are open")
)

// A Desk hears joiners for one node. Its methods may be called from any goroutine.
type Desk struct {
	net   Network
	self  sid.SID
	name  string
	block func(sid.SID) bool

	mu       sync.Mutex
	closed   bool
	listener net.Listener
	open     map[int]*invitation
	joiners  map[sid.SID]int
	running  sync.WaitGroup
	conns    map[net.Conn]bool
}

// An invitation waits for its one joiner.
type invitation struct {
	code   Code
	person Person
	ctx    context.Context
	over   chan outcome // one is sent
}

type outcome struct {
	result Result
	err    error
}

// New is the desk of a node that has the given name. block says whose SIDs are not to be heard; nil = nobody's.
func New(network Network, self sid.SID, name string, block func(sid.SID) bool) *Desk {
	if block == nil {
		block = func(sid.SID) bool { return false }
	}
	if len(name) > maxOwnName {
		name = ""
	}
	return &Desk{
		net: network, self: self, name: name, block: block,
		open: map[int]*invitation{}, joiners: map[sid.SID]int{}, conns: map[net.Conn]bool{},
	}
}

// Serve hears joiners until Close. It returns nil after Close.
func (d *Desk) Serve() error {
	l, err := d.net.ListenService(Service)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.listener = l
	closed := d.closed
	d.mu.Unlock()
	if closed {
		l.Close()
	}
	for {
		conn, err := l.Accept()
		if err == nil {
			d.take(conn)
			continue
		}
		d.mu.Lock()
		closed := d.closed
		d.mu.Unlock()
		if closed || errors.Is(err, net.ErrClosed) {
			return nil
		}
		return err
	}
}

// take serves one joiner, if there is room.
func (d *Desk) take(conn net.Conn) {
	from, ok := conn.RemoteAddr().(mdp.Addr)
	d.mu.Lock()
	defer d.mu.Unlock()
	if !ok || d.closed || len(d.conns) >= maxJoiners || d.joiners[from.SID] >= maxPerJoiner {
		conn.Close()
		return
	}
	d.conns[conn] = true
	d.joiners[from.SID]++
	d.running.Go(func() {
		d.serve(newLine(conn), from.SID)
		conn.Close()
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.conns, conn)
		if d.joiners[from.SID]--; d.joiners[from.SID] == 0 {
			delete(d.joiners, from.SID)
		}
	})
}

// Close ends all pairings.
func (d *Desk) Close() {
	d.mu.Lock()
	d.closed = true
	if d.listener != nil {
		d.listener.Close()
	}
	for c := range d.conns {
		c.Close()
	}
	d.mu.Unlock()
	d.running.Wait()
}

// Invite opens an invitation, tells its code, and waits for who comes. Errors: those named ErrX here, and of ctx.
func (d *Desk) Invite(ctx context.Context, person Person, begun func(Code)) (Result, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, ValidFor, ErrLate)
	defer cancel()
	i := &invitation{person: person, ctx: ctx, over: make(chan outcome, 1)}
	if err := d.put(i); err != nil {
		return Result{}, err
	}
	defer d.remove(i)
	begun(i.code)
	select {
	case <-ctx.Done():
		return Result{}, context.Cause(ctx)
	case o := <-i.over:
		return o.result, o.err
	}
}

// put opens an invitation with a number that is free.
func (d *Desk) put(i *invitation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.open) >= maxInvitations {
		return ErrTooMany
	}
	for {
		i.code = newCode()
		if d.open[i.code.Number] == nil {
			d.open[i.code.Number] = i
			return nil
		}
	}
}

func (d *Desk) remove(i *invitation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[i.code.Number] == i {
		delete(d.open, i.code.Number)
	}
}

// isOpen reports whether there is an invitation of a number.
func (d *Desk) isOpen(number int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open[number] != nil
}

// use takes the invitation of a number: nobody else gets it (spec P1.3).
func (d *Desk) use(number int) *invitation {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.open[number]
	delete(d.open, number)
	return i
}

// serve is the inviter's side of one stream.
func (d *Desk) serve(l *line, from sid.SID) {
	body, err := l.hear(kAsk, machinePatience)
	if err != nil {
		return
	}
	number, err := parseAsk(body)
	if err != nil || d.block(from) || !d.isOpen(number) {
		_ = l.tell(kNone, nil)
		return
	}
	if l.tell(kOpen, nil) != nil {
		return
	}
	body, err = l.hear(kStart, machinePatience)
	if err != nil {
		return
	}
	i := d.use(number)
	if i == nil {
		_ = l.tell(kEnd, []byte{byte(endGaveUp)})
		return
	}
	i.over <- d.answer(i, l, from, body)
}

// answer is the rest, once the invitation is used up.
func (d *Desk) answer(i *invitation, l *line, from sid.SID, body []byte) outcome {
	stop := context.AfterFunc(i.ctx, func() { l.conn.Close() })
	defer stop()
	theirs, err := parseHello(body, false)
	var x *exchange
	if err == nil {
		x, err = newExchange(inviter, i.code, from, d.self)
	}
	if err == nil {
		err = x.take(theirs.point)
	}
	var k keys
	if err == nil {
		k, err = x.keys([2]string{theirs.name, d.name})
	}
	if err == nil {
		err = l.tell(kReply, hello{x.point(), k.proof(inviter), d.name}.append())
	}
	var proof []byte
	if err == nil {
		proof, err = l.hear(kProof, machinePatience)
	}
	if err == nil && !k.proves(joiner, proof) {
		err = ErrWrongCode
	}
	if err != nil {
		_ = l.tell(kEnd, []byte{byte(endWrong)})
		return outcome{Result{Peer: from}, ErrWrongCode} // whatever it was: the guess was taken
	}
	return agree(i.ctx, l, i.person, Result{from, theirs.name}, k)
}

// agree lets the person compare, and hears what the other one says (spec P3.5).
func agree(ctx context.Context, l *line, person Person, r Result, k keys) outcome {
	person.Found(r.Peer, r.Name)
	asked, cancel := context.WithTimeout(ctx, personPatience)
	defer cancel()
	heard := make(chan error, 1)
	go func() {
		_, err := l.hear(kSame, personPatience)
		if err != nil {
			cancel() // nobody needs to answer any more
		}
		heard <- err
	}()
	same := person.Same(asked, k.words())
	if !same {
		code, why := endDiffer, ErrDiffer
		if asked.Err() != nil {
			code, why = endGaveUp, ErrGaveUp
		}
		_ = l.tell(kEnd, []byte{byte(code)})
		select {
		case err := <-heard:
			var e *ended
			if errors.As(err, &e) && e.code == endDiffer {
				why = ErrDiffer
			}
		default:
		}
		l.conn.Close()
		return outcome{r, why}
	}
	if err := l.tell(kSame, nil); err != nil {
		return outcome{r, ErrGaveUp}
	}
	var e *ended
	switch err := <-heard; {
	case err == nil:
		return outcome{r, nil}
	case errors.As(err, &e) && e.code == endDiffer:
		return outcome{r, ErrDiffer}
	}
	return outcome{r, ErrGaveUp}
}
