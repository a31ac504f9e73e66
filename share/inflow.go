package share

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync/atomic"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// headSize is the length of what is before a frame's body, in bytes (spec F1.1).
const headSize = 5

// Bounds of how much of a stream is read at once, in bytes: one chunk in its frame, or four. More would be colder memory.
const (
	leastBlock = headSize + maxBody
	blockSize  = 4 * leastBlock
)

// blocksKept is how many blocks that are not used wait for their next use.
const blocksKept = 4

// A block is memory that frames were read into, one after the other, as they came.
type block struct {
	buf  []byte
	used atomic.Int32 // chunks in it that somebody has, and one for who fills it
}

// An inflow cuts a stream into frames. Chunks stay where they were read; a block is used again
// when all of its chunks are given back.
//
//	 given away │ read, not cut │ free
//	────────────┼───────────────┼──────→ b.buf
//	            r               w
type inflow struct {
	from io.Reader
	free chan *block
	b    *block
	size int // of the next block: those of streams that carry little stay small
	r, w int
}

func newInflow(from io.Reader) *inflow {
	in := &inflow{from: from, free: make(chan *block, blocksKept), size: leastBlock}
	in.b = in.block()
	return in
}

// next reads the next frame. The body of a chunk must be released; io.EOF tells that the stream ended between frames.
func (in *inflow) next() (frame, error) {
	if err := in.fill(headSize); err != nil {
		return frame{}, err
	}
	head := in.b.buf[in.r:]
	k, n := kind(head[0]), binary.BigEndian.Uint32(head[1:])
	if n > maxBody || k == 0 || k > kLast || (k == kKeep && n > 0) {
		return frame{}, wire.ErrMalformed
	}
	if err := in.fill(headSize + int(n)); err != nil {
		return frame{}, err
	}
	begin := in.r + headSize
	in.r = begin + int(n)
	body := in.b.buf[begin:in.r]
	if k != kData && k != kChunk {
		return frame{kind: k, body: slices.Clone(body)}, nil
	}
	in.b.used.Add(1)
	return frame{kind: k, body: body, block: in.b}, nil
}

// batchFrames is the most frames handed over at once.
const batchFrames = 32

// batch adds the next frame that is no KEEP, and those that were read along with it.
func (in *inflow) batch(list *[]frame) error {
	for len(*list) == 0 || len(*list) < batchFrames && in.whole() {
		f, err := in.next()
		if err != nil {
			return err
		}
		if f.kind != kKeep {
			*list = append(*list, f)
		}
	}
	return nil
}

// whole reports whether there is a frame that needs no reading.
func (in *inflow) whole() bool {
	have := in.b.buf[in.r:in.w]
	return len(have) >= headSize && uint64(len(have)) >= headSize+uint64(binary.BigEndian.Uint32(have[1:]))
}

// fill reads until so many bytes can be cut.
func (in *inflow) fill(need int) error {
	if in.r == in.w && in.b.used.Load() == 1 {
		in.r, in.w = 0, 0
	}
	for in.w-in.r < need {
		if len(in.b.buf)-in.r < need || in.r == in.w && len(in.b.buf)-in.r < len(in.b.buf)/4 {
			in.turn()
		}
		n, err := in.from.Read(in.b.buf[in.w:])
		in.w += n
		if err != nil && in.w-in.r < need {
			if in.w > in.r && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// turn goes on in another block, with what is not cut yet.
func (in *inflow) turn() {
	old := in.b
	in.size = min(2*in.size, blockSize)
	in.b = in.block()
	in.w = copy(in.b.buf, old.buf[in.r:in.w])
	in.r = 0
	in.release(old)
}

// block is one that nobody uses.
func (in *inflow) block() (b *block) {
	select {
	case b = <-in.free:
	default:
		b = &block{buf: make([]byte, in.size)}
	}
	b.used.Store(1)
	return b
}

// release tells that one who used the block does so no more.
func (in *inflow) release(b *block) {
	if b.used.Add(-1) > 0 || len(b.buf) < blockSize {
		return
	}
	select {
	case in.free <- b:
	default:
	}
}
