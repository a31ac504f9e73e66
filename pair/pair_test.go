package pair

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/sid"
)

// A world joins desks by TCP on loopback.
type world struct {
	mu        sync.Mutex
	listeners map[sid.SID]net.Listener
}

type end struct {
	*world
	self sid.SID
}

type listener struct{ net.Listener }

type conn struct {
	net.Conn
	peer sid.SID
}

func (c *conn) RemoteAddr() net.Addr { return mdp.Addr{SID: c.peer, Port: 1} }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	var from sid.SID
	_, err = io.ReadFull(c, from[:])
	return &conn{c, from}, err
}

func (e end) ListenService(string) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.listeners[e.self] = l
	return listener{l}, nil
}

var errNoRoute = errors.New("no route")

func (e end) DialService(_ context.Context, peer sid.SID, _ string) (net.Conn, error) {
	e.mu.Lock()
	l := e.listeners[peer]
	e.mu.Unlock()
	if l == nil {
		return nil, errNoRoute
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, err
	}
	_, err = c.Write(e.self[:])
	return &conn{c, peer}, err
}

func newWorld() *world { return &world{listeners: map[sid.SID]net.Listener{}} }

// desk starts a node with a one-byte SID and that name.
func (w *world) desk(t *testing.T, id byte, name string) *Desk {
	t.Helper()
	s := sid.SID{id}
	d := New(end{w, s}, s, name, func(s sid.SID) bool { return s == sid.SID{66} })
	go d.Serve()
	for up := false; !up; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		up = w.listeners[s] != nil
		w.mu.Unlock()
	}
	t.Cleanup(d.Close)
	return d
}

// A person answers always the same.
type person struct {
	same  bool
	mu    sync.Mutex
	words string
	found string
}

func (p *person) Found(s sid.SID, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found = s.Short() + " " + name
}

func (p *person) Same(_ context.Context, words string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.words = words
	return p.same
}

// A waiting is an invitation in the background.
type waiting struct {
	code Code
	over chan outcome
}

func invite(t *testing.T, d *Desk, p Person) waiting {
	t.Helper()
	w := waiting{over: make(chan outcome, 1)}
	begun := make(chan Code, 1)
	go func() {
		r, err := d.Invite(t.Context(), p, func(c Code) { begun <- c })
		w.over <- outcome{r, err}
	}()
	select {
	case w.code = <-begun:
	case o := <-w.over:
		t.Fatal(o.err)
	}
	return w
}

func these(list ...byte) func() []sid.SID {
	return func() (out []sid.SID) {
		for _, id := range list {
			out = append(out, sid.SID{id})
		}
		return out
	}
}

// wrong is another code with the same number.
func wrong(c Code) Code {
	c.Words[1] = words[(index[c.Words[1]]+1)%len(words)]
	return c
}

func TestTwoPeoplePair(t *testing.T) { // spec P2, P3, P4.2
	w := newWorld()
	a, b := w.desk(t, 1, "laptop"), w.desk(t, 2, "phone")
	w.desk(t, 3, "bystander")
	pa, pb := &person{same: true}, &person{same: true}
	i := invite(t, a, pa)
	r, err := b.Join(t.Context(), i.code, these(9, 3, 1), pb)
	if err != nil || r != (Result{sid.SID{1}, "laptop"}) {
		t.Errorf("joiner: %+v, %v", r, err)
	}
	if o := <-i.over; o.err != nil || o.result != (Result{sid.SID{2}, "phone"}) {
		t.Errorf("inviter: %+v", o)
	}
	if pa.words == "" || pa.words != pb.words || len(strings.Fields(pa.words)) != 3 {
		t.Errorf("words %q, %q", pa.words, pb.words)
	}
	if pa.found != "02000000 phone" {
		t.Errorf("inviter found %q", pa.found)
	}
}

func TestWrongCodeUsesTheInvitationUp(t *testing.T) { // spec P1.3, P3.3
	w := newWorld()
	a, b, c := w.desk(t, 1, "laptop"), w.desk(t, 2, "phone"), w.desk(t, 3, "thief")
	i := invite(t, a, &person{same: true})
	thief := &person{same: true}
	if _, err := c.Join(t.Context(), wrong(i.code), these(1), thief); !errors.Is(err, ErrWrongCode) {
		t.Errorf("wrong code: %v", err)
	}
	if o := <-i.over; !errors.Is(o.err, ErrWrongCode) || o.result.Peer != (sid.SID{3}) {
		t.Errorf("inviter: %+v", o)
	}
	if thief.words != "" {
		t.Errorf("the thief was shown words")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := b.Join(ctx, i.code, these(1), &person{same: true}); err == nil {
		t.Errorf("the right code still works after a wrong one")
	}
}

func TestInviterWithoutTheCodeLearnsNothing(t *testing.T) { // spec P4.2: a node that says OPEN to every number
	w := newWorld()
	liar, b := w.desk(t, 1, "liar"), w.desk(t, 2, "phone")
	honest := w.desk(t, 3, "laptop")
	i := invite(t, honest, &person{same: true})
	liar.mu.Lock()
	liar.open[i.code.Number] = &invitation{code: wrong(i.code), person: &person{same: true}, ctx: t.Context(), over: make(chan outcome, 1)}
	liar.mu.Unlock()
	r, err := b.Join(t.Context(), i.code, these(1, 3), &person{same: true})
	if err != nil || r.Peer != (sid.SID{3}) {
		t.Errorf("joiner: %+v, %v", r, err)
	}
}

// A middle passes everything on between a joiner and the inviter, as a node may that both take for the other.
func (w *world) middle(t *testing.T, id byte, to sid.SID) {
	l, err := end{w, sid.SID{id}}.ListenService(Service)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := end{w, sid.SID{id}}.DialService(t.Context(), to, Service)
			if err != nil {
				in.Close()
				continue
			}
			go func() { io.Copy(out, in); out.Close() }()
			go func() { io.Copy(in, out); in.Close() }()
		}
	}()
}

func TestSomebodyInTheMiddle(t *testing.T) { // spec P3.1: identities
	w := newWorld()
	a, b := w.desk(t, 1, "laptop"), w.desk(t, 2, "phone")
	w.middle(t, 7, sid.SID{1})
	pa, pb := &person{same: true}, &person{same: true}
	i := invite(t, a, pa)
	if _, err := b.Join(t.Context(), i.code, these(7), pb); !errors.Is(err, ErrWrongCode) {
		t.Errorf("joiner: %v", err)
	}
	if o := <-i.over; !errors.Is(o.err, ErrWrongCode) {
		t.Errorf("inviter: %+v", o)
	}
	if pa.words+pb.words != "" {
		t.Errorf("words were shown")
	}
}

func TestReplayedMessagesProveNothing(t *testing.T) { // spec P3
	w := newWorld()
	a := w.desk(t, 1, "laptop")
	i := invite(t, a, &person{same: true})
	x, _ := newExchange(joiner, i.code, sid.SID{2}, sid.SID{1})
	start := hello{point: x.point(), name: "phone"}.append()
	first := attack(t, w, i.code.Number)
	first.tell(kStart, start)
	body, err := first.hear(kReply, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if a.isOpen(i.code.Number) {
		t.Error("the invitation is open while the first guess is looked at")
	}
	reply, _ := parseHello(body, true)
	if x.take(reply.point) != nil {
		t.Fatal("bad point")
	}
	k, _ := x.keys([2]string{"phone", "laptop"})
	if !k.proves(inviter, reply.proof) {
		t.Fatal("the test's own run is wrong")
	}
	first.conn.Close()
	<-i.over
	// The same START and PROOF against a new invitation of, by chance, the same code.
	again := invite(t, a, &person{same: true})
	a.mu.Lock()
	one := a.open[again.code.Number]
	delete(a.open, again.code.Number)
	one.code = i.code
	a.open[i.code.Number] = one
	a.mu.Unlock()
	second := attack(t, w, i.code.Number)
	second.tell(kStart, start)
	second.hear(kReply, time.Second)
	second.tell(kProof, k.proof(joiner))
	if o := <-again.over; !errors.Is(o.err, ErrWrongCode) {
		t.Errorf("replay: %+v", o)
	}
}

// attack asks desk 1 for an invitation as SID 2, message by message.
func attack(t *testing.T, w *world, number int) *line {
	t.Helper()
	c, err := end{w, sid.SID{2}}.DialService(t.Context(), sid.SID{1}, Service)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	l := newLine(c)
	l.tell(kAsk, appendAsk(number))
	if _, err := l.hear(kOpen, time.Second); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestHostileMessagesEndThePairing(t *testing.T) { // spec P2.1
	x, _ := newExchange(joiner, Code{Number: 1}, sid.SID{2}, sid.SID{1})
	good := x.point()
	identity := make([]byte, pointSize)
	identity[0] = 4
	off := bytes.Clone(good)
	off[64] ^= 1
	compressed := append([]byte{2}, good[1:]...)
	for name, body := range map[string][]byte{
		"empty": nil, "short": good[:20], "identity": hello{point: identity}.append(), "off the curve": hello{point: off}.append(),
		"compressed": hello{point: compressed}.append(), "long name": append(bytes.Clone(good), append([]byte{64}, make([]byte, 64)...)...),
		"json": []byte(`null`),
	} {
		w := newWorld()
		a := w.desk(t, 1, "laptop")
		i := invite(t, a, &person{same: true})
		l := attack(t, w, i.code.Number)
		l.tell(kStart, body)
		if o := <-i.over; !errors.Is(o.err, ErrWrongCode) {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

func TestPeopleDecide(t *testing.T) { // spec P3.5
	for _, says := range [][2]bool{{true, false}, {false, true}, {false, false}} {
		w := newWorld()
		a, b := w.desk(t, 1, "laptop"), w.desk(t, 2, "phone")
		i := invite(t, a, &person{same: says[0]})
		if _, err := b.Join(t.Context(), i.code, these(1), &person{same: says[1]}); !errors.Is(err, ErrDiffer) {
			t.Errorf("%v: joiner: %v", says, err)
		}
		if o := <-i.over; !errors.Is(o.err, ErrDiffer) {
			t.Errorf("%v: inviter: %v", says, o.err)
		}
	}
}

func TestBoundsOfADesk(t *testing.T) { // spec P1.3, P2.2
	w := newWorld()
	a, blocked := w.desk(t, 1, "laptop"), w.desk(t, 66, "blocked")
	i := invite(t, a, &person{same: true})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := blocked.Join(ctx, i.code, these(1), &person{same: true}); err == nil {
		t.Errorf("a blocked node pairs")
	}
	if !a.isOpen(i.code.Number) {
		t.Errorf("a blocked node used the code up")
	}
	for range maxInvitations - 1 {
		invite(t, a, &person{})
	}
	if _, err := a.Invite(t.Context(), &person{}, func(Code) {}); !errors.Is(err, ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	var open []net.Conn
	for range maxPerJoiner {
		open = append(open, attack(t, w, i.code.Number).conn)
	}
	c, err := end{w, sid.SID{2}}.DialService(t.Context(), sid.SID{1}, Service)
	if err != nil {
		t.Fatal(err)
	}
	l := newLine(c)
	l.tell(kAsk, appendAsk(i.code.Number))
	if _, err := l.hear(kOpen, time.Second); err == nil {
		t.Errorf("%d streams of one joiner are served", len(open)+1)
	}
}

func TestCodesAsTyped(t *testing.T) { // spec P1.1
	if len(index) != 256 {
		t.Fatalf("%d words", len(index))
	}
	want := Code{7, [3]string{"copper", "lemon", "anchor"}}
	for _, text := range []string{"7-copper-lemon-anchor", " 7 Copper LEMON anchor\n", "7.copper.lemon.anchor", "7_copper lemon-anchor"} {
		if c, err := ParseCode(text); err != nil || c != want {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
	}
	for text, near := range map[string]string{
		"7-coper-lemon-anchor": "copper", "7-copper-lemmon-anchor": "lemon", "7-copper-lemon-xyzzyq": "", "0-copper-lemon-anchor": "",
		"1000-copper-lemon-anchor": "", "copper-lemon-anchor": "", "7-copper-lemon": "", "7-copper-lemon-anchor-oak": "", "": "", "\x1b[2J": "",
	} {
		_, err := ParseCode(text)
		var told *CodeError
		if !errors.As(err, &told) || told.Nearest != near {
			t.Errorf("%q: %v", text, err)
		}
	}
	seen := map[string]bool{}
	for range 100 {
		c := newCode()
		if back, err := ParseCode(c.String()); err != nil || back != c || seen[c.password()] {
			t.Fatalf("%v: %v, %v", c, back, err)
		}
		seen[c.password()] = true
	}
}

func FuzzMessages(f *testing.F) {
	x, _ := newExchange(joiner, Code{Number: 1}, sid.SID{2}, sid.SID{1})
	f.Add(hello{point: x.point(), name: "phone"}.append(), true)
	f.Add(appendAsk(7), false)
	f.Fuzz(func(t *testing.T, body []byte, withProof bool) {
		parseAsk(body)
		h, err := parseHello(body, withProof)
		if err != nil {
			return
		}
		y, _ := newExchange(inviter, Code{Number: 1}, sid.SID{2}, sid.SID{1})
		if y.take(h.point) == nil {
			if _, err := y.keys([2]string{h.name, ""}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
