// Package portmap asks the router before this machine to let in what comes for one UDP port: by PCP (RFC 6887), NAT-PMP (RFC 6886) and
// UPnP IGD, whichever the router knows. A mapping is renewed while the Mapper runs, and taken back when it ends. Nothing depends on it.
package portmap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// Times of mappings (docs/spec/nat.md N8).
const (
	lease      = 2 * time.Hour // RFC 6886 §3.3
	askAgain   = time.Hour     // when no router granted any
	grantFor   = 5 * time.Second
	removeFor  = 2 * time.Second
	maxPerPort = 3 // ports asked for when the one wanted is taken
)

// errNone: no router answers.
var errNone = errors.New("no router answers")

// A mapping is what a router granted.
type mapping struct {
	outer  netip.AddrPort
	lasts  time.Duration // 0 = for ever
	by     string        // protocol
	renew  func(ctx context.Context) (mapping, error)
	remove func(ctx context.Context) error
}

// An asker asks one kind of router.
type asker func(ctx context.Context, port uint16) (mapping, error)

// Config sets up a Mapper.
type Config struct {
	Port   uint16                       // UDP, at this machine
	Found  func(outer []netip.AddrPort) // told what is open now; called from the Mapper's goroutine
	Log    *slog.Logger
	Nonce  [wire.PCPNonce]byte // of PCP: the same in every life of the node, so that it may renew what an earlier one was granted; secret
	askers []asker             // for tests
}

// A Mapper keeps a port open at the router.
type Mapper struct {
	cfg    Config
	wake   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	words string
}

// Start begins to ask. Close ends it.
func Start(cfg Config) *Mapper {
	ctx, cancel := context.WithCancel(context.Background())
	m := &Mapper{cfg: cfg, wake: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	if cfg.askers == nil {
		m.cfg.askers = []asker{m.askGateway, askUPnP}
	}
	go m.run(ctx)
	return m
}

// Moved tells that the network is another now: routers are asked anew.
func (m *Mapper) Moved() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Words tell how it stands.
func (m *Mapper) Words() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.words
}

func (m *Mapper) say(words string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.words = words
}

// Close takes back what was granted, and waits for that, 2 s at most.
func (m *Mapper) Close() {
	m.cancel()
	<-m.done
}

// run keeps a mapping until ctx ends.
func (m *Mapper) run(ctx context.Context) {
	defer close(m.done)
	var have mapping
	for ctx.Err() == nil {
		next, err := m.obtain(ctx, have)
		wait := askAgain
		switch {
		case ctx.Err() != nil: // the one we have, if any, is taken back below
		case err != nil:
			m.say("no router has opened a port: " + strings.ReplaceAll(err.Error(), "\n", "; ")) // one line for each way that was tried
			m.cfg.Log.Debug("no port mapping", "error", err)
			if have.outer.IsValid() {
				m.cfg.Found(nil)
			}
			have = mapping{}
		default:
			if next.outer != have.outer {
				m.cfg.Log.Info("the router has opened a port", "outer", next.outer.String(), "by", next.by)
				m.cfg.Found([]netip.AddrPort{next.outer})
			}
			have = next
			m.say(fmt.Sprintf("the router has opened %s (%s)", have.outer, have.by))
			if have.lasts > 0 {
				wait = have.lasts / 2
			}
		}
		select {
		case <-ctx.Done():
		case <-m.wake:
			m.giveBack(have)
			have = mapping{}
		case <-time.After(wait):
		}
	}
	m.giveBack(have)
}

// obtain renews the mapping that we have, or asks every kind of router at the same time, and takes what is granted first.
func (m *Mapper) obtain(ctx context.Context, have mapping) (mapping, error) {
	ctx, cancel := context.WithTimeout(ctx, grantFor)
	defer cancel()
	if have.renew != nil {
		if next, err := have.renew(ctx); err == nil {
			return next, nil
		}
	}
	type result struct {
		mapping
		error
	}
	results := make(chan result, len(m.cfg.askers))
	for _, ask := range m.cfg.askers {
		go func() {
			got, err := ask(ctx, m.cfg.Port)
			results <- result{got, err}
		}()
	}
	var errs []error
	for i := range m.cfg.askers {
		r := <-results
		if r.error != nil {
			errs = append(errs, r.error)
			continue
		}
		go func() { // a second one is not needed; the same one, granted by another protocol, is
			for range len(m.cfg.askers) - i - 1 {
				if extra := <-results; extra.error == nil && extra.outer != r.outer {
					m.giveBack(extra.mapping)
				}
			}
		}()
		return r.mapping, nil
	}
	return mapping{}, errors.Join(errs...)
}

func (m *Mapper) giveBack(have mapping) {
	if have.remove == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), removeFor)
	defer cancel()
	if err := have.remove(ctx); err != nil {
		m.cfg.Log.Debug("the port mapping was not removed", "error", err)
	}
}
