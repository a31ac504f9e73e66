package simnet

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// headerSize is what a flow writes at the beginning of its datagrams: flow,
// number, time of sending.
const headerSize = 4 + 4 + 8

// Voice is a datagram every 20 ms, of no use when it comes later than 200 ms.
const (
	voiceInterval = 20 * time.Millisecond
	voiceLate     = 200 * time.Millisecond
)

// A flow is the traffic of one [[traffic]] from one host to one other.
type flow struct {
	id       uint32 // in run.flows
	run      *run
	from, to *Host
	dst      sid.SID // the same through restarts
	table    *TrafficTable
	sent     uint32   // and those that a sender that did not run should have sent
	seen     []uint64 // one bit per datagram that arrived
	parted   []uint64 // and per one sent while its ends were not joined
	delivery Delivery
	sentAt   time.Duration // the latest
	cameAt   time.Duration // the latest, 0 = none
	outage   time.Duration // the longest
	stream   streamFlow

	directAfter *float64 // seconds from its beginning; nil: never, or not watched
}

// traffic makes the flows and puts their beginnings into the world's time.
func (r *run) traffic() {
	for i := range r.scenario.Traffic {
		t := &r.scenario.Traffic[i]
		if t.Pairs > 0 {
			for _, at := range t.draws() {
				r.world.At(Epoch.Add(at), func() { r.draw(t) })
			}
			continue
		}
		for _, pair := range r.scenario.pairs(t) {
			from, to := r.world.byName[pair[0]], r.world.byName[pair[1]]
			f := &flow{id: uint32(len(r.flows)), run: r, from: from, to: to, dst: to.SID(), table: t}
			r.flows = append(r.flows, f)
			begin := f.next
			if t.Stream > 0 {
				begin = f.open
			}
			if len(r.scenario.NATs) > 0 {
				r.world.At(Epoch.Add(time.Duration(t.begins())), f.watchDirect)
			}
			r.world.At(Epoch.Add(time.Duration(t.begins())), begin)
		}
	}
}

// count is how many datagrams or pings the flow sends.
func (f *flow) count() int {
	return cmp.Or(f.table.Ping, f.table.Datagrams, f.table.Request, int(time.Duration(f.table.Voice)/voiceInterval))
}

func (f *flow) interval() time.Duration {
	usual := 100 * time.Millisecond
	switch {
	case f.table.Voice > 0:
		return voiceInterval
	case f.table.Ping > 0 || f.table.Request > 0:
		usual = time.Second
	}
	return cmp.Or(time.Duration(f.table.Interval), usual)
}

// next sends one datagram, ping or request and schedules the next.
func (f *flow) next() {
	if int(f.sent) == f.count() {
		return
	}
	if a := f.run.apps[f.from]; f.from.hears() {
		f.apart()
		f.from.Do(func(now time.Time, n *node.Node) {
			switch to := (mdp.Addr{SID: f.dst, Port: datagramPort}); {
			case f.table.Ping > 0:
				_ = a.pings.Ping(now, f.dst, f.body(now))
			case f.table.Request > 0:
				a.ask(now, n, f)
			case f.table.Voice > 0:
				_ = a.datagrams.SendTo(now, to, f.body(now), link.Voice)
			default:
				_ = a.datagrams.SendTo(now, to, f.body(now), link.Interactive)
			}
		})
		f.delivery.Sent++
		f.sentAt = f.run.world.Elapsed()
		f.run.tell.sent(f)
	}
	f.sent++
	f.run.world.After(f.interval(), f.next)
}

// body is a datagram of the flow: its header and zeros.
func (f *flow) body(now time.Time) []byte {
	usual := Size(200)
	switch {
	case f.table.Ping > 0:
		usual = 32
	case f.table.Request > 0:
		usual = 100
	case f.table.Voice > 0:
		usual = 80
	}
	size := int(cmp.Or(f.table.Size, usual))
	b := binary.BigEndian.AppendUint32(nil, f.id)
	b = binary.BigEndian.AppendUint32(b, f.sent)
	b = binary.BigEndian.AppendUint64(b, uint64(now.Sub(Epoch)))
	return append(b, make([]byte, max(0, size-headerSize))...)
}

// arrived takes a datagram, or the answer to a ping, at the host where it ends.
func (r *run) arrived(at *Host, payload []byte) {
	if len(payload) < headerSize {
		return
	}
	id, number := binary.BigEndian.Uint32(payload), binary.BigEndian.Uint32(payload[4:])
	if int(id) >= len(r.flows) {
		return
	}
	f := r.flows[id]
	end := f.to
	if f.table.Ping > 0 {
		end = f.from
	}
	if end != at || number >= f.sent {
		return
	}
	if hasBit(f.seen, number) {
		f.delivery.Duplicates++
		return
	}
	setBit(&f.seen, number)
	if hasBit(f.parted, number) {
		f.delivery.apartCame++
	}
	f.arrived(r.world.Elapsed() - time.Duration(binary.BigEndian.Uint64(payload[8:])))
}

// arrived counts something that came after the given time on its way.
func (f *flow) arrived(took time.Duration) {
	f.run.tell.arrived(f, took)
	if f.table.Voice > 0 && took > voiceLate {
		f.delivery.Late++
		return
	}
	f.delivery.Delivered++
	f.gap(f.run.world.Elapsed())
	f.cameAt = f.run.world.Elapsed()
	f.delivery.times = append(f.delivery.times, took)
}

// gap notes for how long nothing has come that should have.
func (f *flow) gap(until time.Duration) {
	if f.cameAt > 0 {
		f.outage = max(f.outage, until-f.cameAt-f.interval())
	}
}

// sumUp adds the flow to the result.
func (f *flow) sumUp(r *Result) {
	total := &r.Datagrams
	switch {
	case f.table.Datagrams > 0:
		f.gap(f.sentAt)
		if worst := f.outage.Seconds(); r.Outage == nil || worst > *r.Outage {
			r.Outage = &worst
		}
	case f.table.Stream > 0:
		f.stream.sumUp(f, &r.Streams)
		return
	case f.table.Ping > 0:
		total = &r.Pings
	case f.table.Voice > 0:
		total = &r.Voice
	case f.table.Request > 0:
		total = &r.Requests
	}
	total.Sent += f.delivery.Sent
	total.Delivered += f.delivery.Delivered
	total.Duplicates += f.delivery.Duplicates
	total.Late += f.delivery.Late
	total.Apart += f.delivery.Apart
	total.apartCame += f.delivery.apartCame
	total.times = append(total.times, f.delivery.times...)
}

// pattern fills p with the bytes of the flow's stream from the given offset on:
// eight at a time from a mixing function, so that nothing misplaced looks right.
func pattern(p []byte, flow uint32, offset uint64) {
	for i := range p {
		at := offset + uint64(i)
		x := (at/8 + uint64(flow)<<40) * 0x9E3779B97F4A7C15
		x = (x ^ bits.RotateLeft64(x, 31)) * 0xD6E8FEB86659FD93
		p[i] = byte(x >> (at % 8 * 8))
	}
}
