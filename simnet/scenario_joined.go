package simnet

import "time"

// A joinWatch notes which datagrams were sent while no links joined the two ends, where a scenario asks for that: nobody can
// carry those, so they say nothing of the mesh.
type joinWatch struct {
	on bool
	at time.Duration // of what is known
	by map[*Host]map[*Host]int
}

// joined reports whether links join the two hosts now.
func (j *joinWatch) joined(from, to *Host) bool {
	if now := from.world.Elapsed(); j.by == nil || j.at != now {
		j.by, j.at = map[*Host]map[*Host]int{}, now
	}
	if j.by[from] == nil {
		j.by[from] = from.linksTo()
	}
	_, joined := j.by[from][to]
	return joined
}

// apart notes, when a datagram is about to be sent, whether its ends are joined.
func (f *flow) apart() {
	if !f.run.joins.on || f.table.Datagrams == 0 || f.run.joins.joined(f.from, f.to) {
		return
	}
	f.delivery.Apart++
	setBit(&f.parted, f.sent)
}

// joinedShare is the part delivered of those that were sent while links joined the two ends.
func (d *Delivery) joinedShare() *float64 {
	if d.Sent == d.Apart {
		return nil
	}
	s := float64(d.Delivered-d.apartCame) / float64(d.Sent-d.Apart)
	return &s
}

// setBit sets a bit of a set that grows as it must.
func setBit(set *[]uint64, at uint32) {
	for len(*set) <= int(at/64) {
		*set = append(*set, 0)
	}
	(*set)[at/64] |= 1 << (at % 64)
}

// hasBit reports whether it is set.
func hasBit(set []uint64, at uint32) bool {
	return int(at/64) < len(set) && set[at/64]>>(at%64)&1 != 0
}
