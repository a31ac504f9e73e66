package share

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
)

// A Direction says which way the content of a transfer goes.
type Direction string

// The directions of a transfer.
const (
	Sending   Direction = "send"
	Fetching  Direction = "get"
	Receiving Direction = "receive"
)

// A Transfer is a look at one that runs.
type Transfer struct {
	Direction Direction
	Paused    bool
	Event     // the last one; of Receiving: without Rate, File and the like
}

// Transfers lists what is being sent, fetched and received, by id.
func (x *Exchange) Transfers() []Transfer {
	x.mu.Lock()
	defer x.mu.Unlock()
	var list []Transfer
	for _, t := range x.outgoing {
		if e := t.snapshot(); e.ID != "" {
			list = append(list, Transfer{t.direction(), t.ctl.paused(), e})
		}
	}
	for r := range x.receivers {
		if it := r.item.Load(); it != nil {
			o := &r.offer
			list = append(list, Transfer{Receiving, r.ctl.paused(), Event{
				Kind: Progress, ID: it.ID, Peer: r.from, What: title(o.names, int(o.files)),
				Files: int(o.files), Total: int64(o.bytes), Bytes: r.got.Load(), Elapsed: time.Since(r.begun), Rate: r.rate(),
			}})
		}
	}
	slices.SortFunc(list, func(a, b Transfer) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Direction, b.Direction))
	})
	return list
}

func (t *transfer) direction() Direction {
	if strings.HasPrefix(t.key, "send\x00") {
		return Sending
	}
	return Fetching
}

// rate is bytes per second since the transfer was accepted.
func (r *receiver) rate() float64 {
	return float64(r.got.Load()) / max(time.Since(r.begun).Seconds(), 1e-3)
}

// ErrAmbiguous is returned by Pause and Cancel when an id could mean several transfers.
var ErrAmbiguous = errors.New("share: several transfers begin so")

// Pause stops a transfer, named by its id or the beginning of it, until it is let go on. ErrNoTransfer, ErrAmbiguous.
func (x *Exchange) Pause(id string, on bool) (Transfer, error) {
	t, r, err := x.running1(id)
	if err != nil {
		return Transfer{}, err
	}
	if r != nil {
		r.ctl.pause(on)
	} else {
		t.pause(on)
	}
	return x.transferOf(t, r), nil
}

// pause pauses, and tells.
func (t *transfer) pause(on bool) {
	was := t.ctl.paused()
	t.ctl.pause(on)
	if was != on {
		t.tell(func(e *Event) {
			if e.Kind = Progress; on {
				e.Kind = Paused
			}
		})
	}
}

// Cancel ends a transfer, named as in Pause. What was received of it is removed; what a peer has received of it, or
// what was fetched, is kept for another time. ErrNoTransfer, ErrAmbiguous.
func (x *Exchange) Cancel(id string) (Transfer, error) {
	t, r, err := x.running1(id)
	if err != nil {
		return Transfer{}, err
	}
	doc := x.transferOf(t, r)
	if r == nil {
		t.cancel(ErrCancelled)
		return doc, nil
	}
	r.cancelled.Store(true)
	r.ctl.pause(false)
	if r.ends(patience / 10) {
		return doc, nil
	}
	// It waits for content: it will not hear of it by content. The sender that hears of it closes.
	r.p.tell(kFail, coded{FailCancelled, "cancelled"}.append(nil))
	if !r.ends(lingerFor) {
		r.p.close()
	}
	return doc, nil
}

// ends reports whether the receiver is over in time.
func (r *receiver) ends(within time.Duration) bool {
	select {
	case <-r.over:
		return true
	case <-time.After(within):
		return false
	}
}

// running1 finds the one transfer of an id.
func (x *Exchange) running1(id string) (t *transfer, r *receiver, err error) {
	id = strings.ToLower(id)
	x.mu.Lock()
	defer x.mu.Unlock()
	found := 0
	is := func(have string) (exact, fits bool) {
		return have == id, id != "" && strings.HasPrefix(have, id)
	}
	for _, o := range x.outgoing {
		if exact, fits := is(o.snapshot().ID); exact {
			return o, nil, nil
		} else if fits {
			t, found = o, found+1
		}
	}
	for o := range x.receivers {
		it := o.item.Load()
		if it == nil {
			continue
		}
		if exact, fits := is(it.ID); exact {
			return nil, o, nil
		} else if fits {
			r, found = o, found+1
		}
	}
	switch {
	case found == 0:
		return nil, nil, ErrNoTransfer
	case found > 1:
		return nil, nil, ErrAmbiguous
	}
	return t, r, nil
}

// transferOf is a look at one.
func (x *Exchange) transferOf(t *transfer, r *receiver) Transfer {
	if t != nil {
		return Transfer{t.direction(), t.ctl.paused(), t.snapshot()}
	}
	for _, one := range x.Transfers() {
		if one.Direction == Receiving && one.ID == r.item.Load().ID {
			return one
		}
	}
	return Transfer{Direction: Receiving}
}
