package simnet

import "time"

// directTick is how often it is looked whether two that talk do so directly by now.
const directTick = 20 * time.Millisecond

// isDirect reports whether what the flow sends goes straight to its end.
func (f *flow) isDirect() bool {
	if !f.from.Running() {
		return false
	}
	hop, err := f.from.Node().Mesh().NextHop(f.dst)
	return err == nil && hop.SID == f.dst
}

// watchDirect notes how long it takes from now until the flow goes straight.
func (f *flow) watchDirect() {
	began := f.run.world.Elapsed()
	var look func()
	look = func() {
		if f.isDirect() {
			took := (f.run.world.Elapsed() - began).Seconds()
			f.directAfter = &took
			f.run.tell.moment("direct", f.from.name, f.from.name+" speaks to "+f.to.name+" directly")
			return
		}
		f.run.world.After(directTick, look)
	}
	look()
}

// sumUpDirect tells how many of those that talked do so directly now, and how long that took at most.
func (r *run) sumUpDirect() {
	type pair struct{ from, to *Host }
	seen, direct := map[pair]bool{}, 0
	worst, all := 0.0, true
	for _, f := range r.flows {
		if f.directAfter == nil {
			all = false
		} else {
			worst = max(worst, *f.directAfter)
		}
		if !seen[pair{f.from, f.to}] {
			seen[pair{f.from, f.to}] = true
			if f.isDirect() {
				direct++
			}
		}
	}
	if len(seen) == 0 {
		return
	}
	share := float64(direct) / float64(len(seen))
	r.result.Direct = &share
	if all {
		r.result.DirectAfter = &worst
	}
}
