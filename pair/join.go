package pair

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// Bounds of a joiner (spec P4.2).
const (
	askAtOnce  = 8
	maxTries   = 3
	searchFor  = 15 * time.Second
	searchWait = time.Second
	askWithin  = 5 * time.Second
)

// Join looks for the invitation of a code among peers, which gives those to ask, nearest first, anew for each round.
// Errors: those named ErrX here, and of ctx.
func (d *Desk) Join(ctx context.Context, c Code, peers func() []sid.SID, person Person) (Result, error) {
	tried := map[sid.SID]bool{}
	for end := time.Now().Add(searchFor); ; {
		var ask []sid.SID
		for _, p := range peers() {
			if p != d.self && !d.block(p) {
				ask = append(ask, p)
			}
		}
		r, err := d.round(ctx, c, ask, tried, person)
		switch {
		case err == nil:
			return r, nil
		case ctx.Err() != nil:
			return r, ctx.Err()
		case !errors.Is(err, ErrNotFound) || !time.Now().Before(end):
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(searchWait):
		}
	}
}

// round asks all at once, so many at a time, and tries those who have the invitation.
func (d *Desk) round(ctx context.Context, c Code, ask []sid.SID, tried map[sid.SID]bool, person Person) (r Result, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	type found struct {
		peer sid.SID
		l    *line
	}
	answers := make(chan found)
	slots := make(chan struct{}, askAtOnce)
	all.Go(func() {
		var asked sync.WaitGroup
		for _, peer := range ask {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				continue
			}
			asked.Go(func() {
				defer func() { <-slots }()
				l := d.ask(ctx, peer, c.Number)
				if l == nil {
					return
				}
				select {
				case answers <- found{peer, l}:
				case <-ctx.Done():
					l.conn.Close()
				}
			})
		}
		asked.Wait()
		close(answers)
	})
	err = ErrNotFound
	for f := range answers {
		if len(tried) >= maxTries {
			f.l.conn.Close()
			break
		}
		tried[f.peer] = true
		if r, err = d.start(ctx, c, f.peer, f.l, person); !errors.Is(err, ErrWrongCode) {
			break
		}
	}
	return r, err
}

// ask asks one peer whether it has the invitation; nil when not.
func (d *Desk) ask(ctx context.Context, peer sid.SID, number int) *line {
	late, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	conn, err := d.net.DialService(late, peer, Service)
	if err != nil {
		return nil
	}
	stop := context.AfterFunc(late, func() { conn.Close() })
	defer stop()
	l := newLine(conn)
	if err = l.tell(kAsk, appendAsk(number)); err == nil {
		_, err = l.hear(kOpen, askWithin)
	}
	if err != nil {
		conn.Close()
		return nil
	}
	return l
}

// start is the joiner's side once the invitation is found.
func (d *Desk) start(ctx context.Context, c Code, peer sid.SID, l *line, person Person) (Result, error) {
	defer l.conn.Close()
	stop := context.AfterFunc(ctx, func() { l.conn.Close() })
	defer stop()
	x, err := newExchange(joiner, c, d.self, peer)
	if err != nil {
		return Result{}, err
	}
	if err := l.tell(kStart, hello{point: x.point(), name: d.name}.append()); err != nil {
		return Result{}, ErrGaveUp
	}
	body, err := l.hear(kReply, machinePatience)
	if err != nil {
		return Result{Peer: peer}, ErrWrongCode
	}
	theirs, err := parseHello(body, true)
	if err == nil {
		err = x.take(theirs.point)
	}
	var k keys
	if err == nil {
		k, err = x.keys([2]string{d.name, theirs.name})
	}
	if err != nil || !k.proves(inviter, theirs.proof) {
		_ = l.tell(kEnd, []byte{byte(endWrong)})
		return Result{Peer: peer}, ErrWrongCode
	}
	if err := l.tell(kProof, k.proof(joiner)); err != nil {
		return Result{Peer: peer}, ErrGaveUp
	}
	o := agree(ctx, l, person, Result{peer, theirs.name}, k)
	return o.result, o.err
}
