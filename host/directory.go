package host

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/nat/directory"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// answerLook is how often it is looked whether a directory has answered.
const answerLook = 10 * time.Millisecond

// Register has this node found at another by who is registered there too, until Unregister or the end of the host; it waits until
// that is so. seen is where the node sees us, if we are neighbours. Errors: those of package directory, and ctx's.
func (x *Net) Register(ctx context.Context, at sid.SID, p directory.Profile) (seen netip.AddrPort, err error) {
	var lease *directory.Lease
	x.doer.Do(func(now time.Time, n *node.Node) { lease, err = n.Directory().Register(now, at, p) })
	for valid := false; err == nil && !valid; {
		x.doer.Do(func(now time.Time, _ *node.Node) { valid, seen = lease.Valid(now), lease.Seen() })
		if !valid {
			err = x.pause(ctx)
		}
	}
	return seen, err
}

// Unregister takes this node out of the other's directory. It reports whether it was in.
func (x *Net) Unregister(at sid.SID) (was bool) {
	x.doer.Do(func(_ time.Time, n *node.Node) {
		for _, l := range n.Directory().Leases() {
			if l.At() == at {
				l.Close()
				was = true
				return
			}
		}
	})
	return was
}

// RegisteredAt lists the nodes at which this one can be found.
func (x *Net) RegisteredAt() (list []sid.SID) {
	x.doer.Do(func(now time.Time, n *node.Node) {
		for _, l := range n.Directory().Leases() {
			if l.Valid(now) {
				list = append(list, l.At())
			}
		}
	})
	return list
}

// Lookup asks the node at about a SID. This node must be registered there. Errors: directory.ErrUnknownPeer, directory.ErrNoAnswer,
// directory.ErrBusy, and ctx's.
func (x *Net) Lookup(ctx context.Context, at, about sid.SID) (directory.Found, error) {
	a, err := x.asked(ctx, func(now time.Time, d *directory.Directory) (*directory.Ask, error) { return d.Lookup(now, at, about) })
	if err != nil {
		return directory.Found{}, err
	}
	return a.Found(), nil
}

// Search asks the node at who has all the words, at most 100; complete: these are all. No words find everybody. This node must be registered
// there. Errors: as Lookup's, and directory.ErrTooLong.
func (x *Net) Search(ctx context.Context, at sid.SID, text string) (found []sid.SID, complete bool, err error) {
	a, err := x.asked(ctx, func(now time.Time, d *directory.Directory) (*directory.Ask, error) { return d.Search(now, at, text) })
	if err != nil {
		return nil, false, err
	}
	found, complete = a.Search()
	return found, complete, nil
}

// asked asks and waits for the answer.
func (x *Net) asked(ctx context.Context, ask func(time.Time, *directory.Directory) (*directory.Ask, error)) (a *directory.Ask, err error) {
	x.doer.Do(func(now time.Time, n *node.Node) { a, err = ask(now, n.Directory()) })
	for done := false; err == nil; {
		x.doer.Do(func(time.Time, *node.Node) { done, err = a.Done(), a.Err() })
		if done {
			return a, err
		}
		if err == nil {
			err = x.pause(ctx)
		}
	}
	return nil, err
}

func (x *Net) pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-x.shut:
		return net.ErrClosed
	case <-time.After(answerLook):
		return nil
	}
}
