package simnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
)

// A streamFlow is a flow's stream: at the sender, and what came of it.
type streamFlow struct {
	stream   *msp.Stream
	written  uint64 // with the 4 bytes that name the flow
	began    time.Duration
	received uint64
	finished time.Duration // 0 = not
	err      error
}

// preambleSize is what a stream begins with: the flow's number.
const preambleSize = 4

// open dials the flow's stream.
func (f *flow) open() {
	f.stream.began = f.run.world.Elapsed()
	if !f.from.hears() {
		f.stream.err = errors.New("the sender does not run")
		return
	}
	f.from.Do(func(now time.Time, n *node.Node) {
		s, err := n.MSP().Dial(now, n.SID(), f.dst, msp.Target{Port: streamPort})
		if err != nil {
			f.stream.err = err
			return
		}
		f.stream.stream = s
		a := f.run.apps[f.from]
		a.sending = append(a.sending, f)
	})
}

// write writes what fits, and after the last byte waits for the receiver to
// close. It reports whether the stream is still of interest.
func (f *flow) write(now time.Time) (wrote, more bool) {
	x := &f.stream
	end := uint64(f.table.Stream) + preambleSize
	if x.written == end {
		return f.await(now)
	}
	var buf [4096]byte
	for x.written < end {
		n := f.fill(buf[:min(uint64(len(buf)), end-x.written)])
		n, err := x.stream.Write(now, buf[:n])
		x.written += uint64(n)
		wrote = wrote || n > 0
		if errors.Is(err, msp.ErrWouldBlock) {
			return wrote, true
		}
		if err != nil {
			x.err = err
			return wrote, false
		}
	}
	if err := x.stream.CloseWrite(now); err != nil {
		x.err = err
		return true, false
	}
	return true, true
}

// await closes the sender's stream when the receiver has.
func (f *flow) await(now time.Time) (did, more bool) {
	var buf [64]byte
	switch _, _, err := f.stream.stream.Read(now, buf[:]); {
	case err == nil || errors.Is(err, msp.ErrWouldBlock):
		return false, true
	case errors.Is(err, io.EOF):
		_ = f.stream.stream.Close(now)
	}
	return true, false
}

// fill puts the stream's next bytes into p.
func (f *flow) fill(p []byte) int {
	if f.stream.written < preambleSize {
		return copy(p, binary.BigEndian.AppendUint32(nil, f.id)[f.stream.written:])
	}
	pattern(p, f.id, f.stream.written-preambleSize)
	return len(p)
}

// An incoming is a stream at its receiver.
type incoming struct {
	stream   *msp.Stream
	preamble []byte
	flow     *flow // once the preamble is here
}

// read takes what has come. It reports whether the stream is still to be read.
func (in *incoming) read(now time.Time, r *run) (did, more bool) {
	var buf [4096]byte
	for {
		room := buf[:]
		if in.flow == nil {
			room = buf[:preambleSize-len(in.preamble)]
		}
		n, _, err := in.stream.Read(now, room)
		did = did || n > 0
		switch {
		case n > 0:
			in.take(now, room[:n], r)
		case errors.Is(err, msp.ErrWouldBlock):
			return did, true
		case err == nil:
			return did, true
		default:
			in.end(now, err, r)
			return true, false
		}
	}
}

// take checks the bytes that came.
func (in *incoming) take(now time.Time, p []byte, r *run) {
	if in.flow == nil {
		in.preamble = append(in.preamble, p...)
		if len(in.preamble) == preambleSize {
			if id := binary.BigEndian.Uint32(in.preamble); int(id) < len(r.flows) {
				in.flow = r.flows[id]
			} else {
				in.stream.Reset(now, 1, "no such flow")
			}
		}
		return
	}
	var want [4096]byte
	pattern(want[:len(p)], in.flow.id, in.flow.stream.received)
	if !bytes.Equal(want[:len(p)], p) && in.flow.stream.err == nil {
		in.flow.stream.err = fmt.Errorf("wrong bytes after %d", in.flow.stream.received)
	}
	in.flow.stream.received += uint64(len(p))
}

// end takes the end of the stream, good or bad.
func (in *incoming) end(now time.Time, err error, r *run) {
	if in.flow == nil {
		return
	}
	x := &in.flow.stream
	switch {
	case !errors.Is(err, io.EOF):
		x.err = err
	case x.received != uint64(in.flow.table.Stream):
		x.err = fmt.Errorf("ended after %d of %d bytes", x.received, in.flow.table.Stream)
	default:
		x.finished = r.world.Elapsed()
		_ = in.stream.Close(now)
	}
}

// sumUp adds the stream to the result.
func (x *streamFlow) sumUp(f *flow, total *StreamTotal) {
	total.Total++
	total.Bytes += x.received
	if x.finished > 0 && x.err == nil {
		total.Finished++
		return
	}
	why := fmt.Sprintf("%s of %s in time", siBytes(x.received), siBytes(uint64(f.table.Stream)))
	if x.err != nil {
		why = x.err.Error()
	}
	if len(total.Errors) < 10 {
		total.Errors = append(total.Errors, f.from.name+" → "+f.to.name+": "+why)
	}
}

// goodput is what all streams together carried while any of them ran, in bit/s.
func (t *StreamTotal) goodput(flows []*flow) {
	var began, ended time.Duration
	for _, f := range flows {
		x := &f.stream
		if f.table.Stream == 0 || x.received == 0 {
			continue
		}
		if ended == 0 || x.began < began {
			began = x.began
		}
		until := x.finished
		if until == 0 {
			until = f.run.world.Elapsed()
		}
		ended = max(ended, until)
	}
	if ended > began {
		bps := float64(t.Bytes*8) / (ended - began).Seconds()
		t.Goodput = &bps
	}
}
