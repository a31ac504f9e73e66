package host

import (
	"context"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// An MTRHop is one node on the way, over many rounds.
type MTRHop struct {
	TraceHop               // as told in the latest round; Loss is of the link to it, forward
	Back           float64 // 0…1, loss of that link in the other direction, as the node tells; -1 = not known
	Sent, Received int     // pings
	Best, Worst    time.Duration
	Total          time.Duration // of all that were received
}

// MTR follows the way to the peer for so many rounds, 0 = until ctx ends: in each it pings every node on
// the way at once, and asks it for the loss of its links. each is called after every round. From where the way changes the
// counting begins anew; one that was followed only in part has not changed behind that. Errors as Trace's, when there was no round at all.
func (x *Net) MTR(ctx context.Context, peer sid.SID, rounds int, interval time.Duration, each func(round int, hops []MTRHop)) error {
	var hops []MTRHop
	for round := 1; rounds == 0 || round <= rounds; round++ {
		begun := time.Now()
		now, err := x.follow(ctx, peer, false)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && len(now) == 0 && round == 1 {
			return err
		}
		hops = keep(hops, now, err == nil)
		x.pingAll(ctx, hops, interval)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		each(round, hops)
		if round == rounds {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(interval - time.Since(begun)):
		}
	}
	return nil
}

// keep keeps the counts of the nodes that are still on the way. Unless the whole way was followed this time, what was behind it is
// taken to be there: a question or its answer was lost, which those counts are to show.
func keep(before []MTRHop, now []TraceHop, whole bool) []MTRHop {
	hops := make([]MTRHop, len(now))
	same := !whole && len(now) < len(before)
	for i, h := range now {
		if i < len(before) && before[i].SID == h.SID {
			hops[i] = before[i]
		} else {
			same = false
		}
		hops[i].TraceHop, hops[i].Back = h, -1
	}
	if same {
		hops = append(hops, before[len(now):]...)
		for i := range hops[len(now):] {
			hops[len(now)+i].Back = -1
		}
	}
	return hops
}

// pingAll pings every hop once and asks it how its link back is.
func (x *Net) pingAll(ctx context.Context, hops []MTRHop, interval time.Duration) {
	patient := max(interval, 200*time.Millisecond)
	var self sid.SID
	x.doer.Do(func(_ time.Time, n *node.Node) { self = n.SID() })
	var all sync.WaitGroup
	for i := range hops {
		h := &hops[i]
		back := self
		if i > 0 {
			back = hops[i-1].SID
		}
		all.Go(func() {
			one, cancel := context.WithTimeout(ctx, patient)
			defer cancel()
			h.Sent++
			if reply, err := x.Ping(one, h.SID); err == nil {
				h.count(reply.RTT)
			}
		})
		all.Go(func() {
			q, err := x.ListenPacket(0)
			if err != nil {
				return
			}
			defer q.Close()
			one, cancel := context.WithTimeout(ctx, patient)
			defer cancel()
			if told, err := q.askOnce(one, h.SID, back); err == nil && told.SID == back {
				h.Back = told.Loss
			}
		})
	}
	all.Wait()
}

// count takes one answer.
func (h *MTRHop) count(rtt time.Duration) {
	if h.Received == 0 || rtt < h.Best {
		h.Best = rtt
	}
	h.Received++
	h.Total += rtt
	h.Worst = max(h.Worst, rtt)
}
