package share

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"testing"

	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/sid"
)

// A fakeNet joins exchanges by TCP on loopback, and can cut a stream after so many bytes.
type fakeNet struct {
	mu        sync.Mutex
	listeners map[string]net.Listener // by SID and service
	cuts      []int64                 // for the next streams: bytes from the dialler until the cut
	sent      int64                   // bytes from diallers

	holdAt  int64            // a dialler that has sent so many bytes writes no more until goOn
	goOn    chan struct{}    // closed
	lie     map[sid.SID]bool // a listener flips a bit of what is large
	lieOver int              // bytes of a write that is honest
	mute    bool             // what a listener writes is lost
	given   map[sid.SID]int64
	stallAt int64 // a listener that has given so many bytes writes no more until resume
	resume  chan struct{}
	abreast int64 // a listener that has given so many bytes waits until all of pace have given three quarters of them
	pace    []sid.SID
	more    sync.Cond // given has changed
}

// locked changes or reads the net while transfers run.
func (n *fakeNet) locked(do func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	do()
}

// dialled counts the bytes from diallers.
func (n *fakeNet) dialled() (count int64) {
	n.locked(func() { count = n.sent })
	return count
}

// An end is one node's view of a fakeNet.
type end struct {
	*fakeNet
	self sid.SID
}

var errNoSuchPeer = errors.New("no such peer")

func (e end) ListenService(service string) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.listeners[e.self.String()+service] = l
	return &fakeListener{l, e}, nil
}

func (e end) DialService(ctx context.Context, peer sid.SID, service string) (net.Conn, error) {
	e.mu.Lock()
	l := e.listeners[peer.String()+service]
	cut := int64(-1)
	if len(e.cuts) > 0 {
		cut, e.cuts = e.cuts[0], e.cuts[1:]
	}
	e.mu.Unlock()
	if l == nil {
		return nil, errNoSuchPeer
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(e.self[:]); err != nil {
		return nil, err
	}
	return &fakeConn{Conn: c, peer: peer, net: e.fakeNet, cut: cut}, nil
}

type fakeListener struct {
	net.Listener
	end end
}

func (l *fakeListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	var from sid.SID
	if _, err := c.Read(from[:]); err != nil {
		return nil, err
	}
	return &fakeGiver{fakeConn{Conn: c, peer: from, cut: -1}, l.end}, nil
}

// A fakeGiver is a listener's side of a stream.
type fakeGiver struct {
	fakeConn
	end end
}

func (c *fakeGiver) Write(b []byte) (int, error) {
	c.end.mu.Lock()
	c.end.given[c.end.self] += int64(len(b))
	c.end.more.Broadcast()
	for c.end.ahead() {
		c.end.more.Wait()
	}
	lie := c.end.lie[c.end.self]
	stalls := c.end.stallAt > 0 && c.end.given[c.end.self] > c.end.stallAt
	resume, mute := c.end.resume, c.end.mute
	c.end.mu.Unlock()
	if mute {
		return len(b), nil
	}
	if stalls {
		<-resume
	}
	if lie && len(b) > max(900, c.end.lieOver) {
		b = slices.Clone(b)
		b[len(b)-1] ^= 1
	}
	return c.Conn.Write(b)
}

// ahead reports whether a listener is to wait for others of pace. The lock is held.
func (e end) ahead() bool {
	if e.abreast == 0 || e.given[e.self] <= e.abreast {
		return false
	}
	return slices.ContainsFunc(e.pace, func(s sid.SID) bool { return e.given[s] < e.abreast*3/4 })
}

type fakeConn struct {
	net.Conn
	peer sid.SID
	net  *fakeNet
	cut  int64
}

func (c *fakeConn) RemoteAddr() net.Addr { return mdp.Addr{SID: c.peer, Port: 1} }

func (c *fakeConn) Write(b []byte) (int, error) {
	if c.net != nil {
		c.net.mu.Lock()
		c.net.sent += int64(len(b))
		hold, goOn := c.net.holdAt > 0 && c.net.sent > c.net.holdAt, c.net.goOn
		c.net.mu.Unlock()
		if hold {
			<-goOn
		}
	}
	if c.cut < 0 {
		return c.Conn.Write(b)
	}
	if int64(len(b)) < c.cut {
		c.cut -= int64(len(b))
		return c.Conn.Write(b)
	}
	c.Conn.Write(b[:c.cut])
	c.Conn.Close()
	return int(c.cut), net.ErrClosed
}

// A pair is two exchanges, A sending to B.
type pair struct {
	t      testing.TB
	net    *fakeNet
	a, b   *Exchange
	as, bs sid.SID
	src    string // folder with what A sends
	files  string // B's files folder
	home   string
}

func newPair(t testing.TB, accept Mode) *pair {
	t.Helper()
	p := &pair{
		t: t, net: &fakeNet{listeners: map[string]net.Listener{}, given: map[sid.SID]int64{}},
		as: sid.SID{1}, bs: sid.SID{2},
		src: t.TempDir(), files: t.TempDir(), home: t.TempDir(),
	}
	p.net.more.L = &p.net.mu
	p.a = p.exchange(p.as, t.TempDir(), t.TempDir(), Never)
	p.b = p.exchange(p.bs, p.home, p.files, accept)
	return p
}

func (p *pair) exchange(self sid.SID, home, files string, accept Mode) *Exchange {
	p.t.Helper()
	x, err := New(Config{Home: home, Files: files, Accept: accept}, end{p.net, self})
	if err != nil {
		p.t.Fatal(err)
	}
	ready := make(chan struct{})
	go func() { close(ready); x.Serve() }()
	<-ready
	for {
		p.net.mu.Lock()
		up := p.net.listeners[self.String()+Service] != nil && p.net.listeners[self.String()+SharesService] != nil
		p.net.mu.Unlock()
		if up {
			break
		}
	}
	p.t.Cleanup(x.Close)
	return x
}

// restart is B's node killed and started again.
func (p *pair) restart(accept Mode) {
	p.t.Helper()
	p.b.Close()
	p.net.mu.Lock()
	delete(p.net.listeners, p.bs.String()+Service)
	delete(p.net.listeners, p.bs.String()+SharesService)
	p.net.mu.Unlock()
	p.b = p.exchange(p.bs, p.home, p.files, accept)
}

func (p *pair) send(names ...string) error {
	paths := make([]string, len(names))
	for i, n := range names {
		paths[i] = filepath.Join(p.src, n)
	}
	return p.a.Send(p.t.Context(), p.bs, paths, nil)
}

// random is n bytes that look like nothing, always the same for one seed.
func random(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// tree is every file and folder below dir, partial ones left out, with its hash.
func tree(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if d.IsDir() {
			if d.Name() == partialDir {
				return filepath.SkipDir
			}
			out[rel+"/"] = [32]byte{}
			return nil
		}
		data, err := os.ReadFile(path)
		out[rel] = sha256.Sum256(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func names(m map[string][32]byte) (list []string) {
	for n := range m {
		list = append(list, n)
	}
	sort.Strings(list)
	return list
}

// leftovers counts B's partial files.
func (p *pair) leftovers() int {
	list, err := os.ReadDir(filepath.Join(p.files, partialDir))
	if err != nil {
		p.t.Fatal(err)
	}
	return len(list)
}
