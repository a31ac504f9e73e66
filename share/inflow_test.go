package share

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// A dripping reader gives what it has in pieces of any length.
type dripping struct {
	rnd  *rand.Rand
	left []byte
}

func (d *dripping) Read(b []byte) (int, error) {
	if len(d.left) == 0 {
		return 0, io.EOF
	}
	n := min(len(b), len(d.left), 1+d.rnd.IntN(1<<d.rnd.IntN(19)))
	copy(b, d.left[:n])
	d.left = d.left[n:]
	return n, nil
}

func appendFrame(b []byte, k kind, body []byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, byte(k)), uint32(len(body)))
	return append(b, body...)
}

// Whatever lengths the stream comes in, frames come out whole and in order, and those that are kept for a while stay as they are.
func TestFramesAreCutWhereverReadsEnd(t *testing.T) { // spec F1.1
	kinds := []kind{kData, kData, kData, kFile, kEnd, kKeep, kEntries}
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var stream []byte
		var want []frame
		for range 200 {
			k := kinds[rnd.IntN(len(kinds))]
			body := random(rnd.Uint64()&0xffff, rnd.IntN(1<<rnd.IntN(17)))
			if k == kKeep {
				body = nil
			}
			if rnd.IntN(8) == 0 && k != kKeep {
				body = random(seed, maxBody)
			}
			want = append(want, frame{kind: k, body: body})
			stream = appendFrame(stream, k, body)
		}
		in := newInflow(&dripping{rnd, stream})
		p := &pipe{flow: in}
		var kept []frame
		made := map[*block]bool{}
		for i := range want {
			f, err := in.next()
			if err != nil {
				t.Fatalf("seed %d, frame %d: %v", seed, i, err)
			}
			made[in.b] = true
			for kept = append(kept, f); len(kept) > rnd.IntN(10) || i+1 == len(want) && len(kept) > 0; kept = kept[1:] {
				w := want[i+1-len(kept)]
				if kept[0].kind != w.kind || !bytes.Equal(kept[0].body, w.body) {
					t.Fatalf("seed %d: frame %d is another after %d more", seed, i+1-len(kept), len(kept)-1)
				}
				p.release(kept[0])
			}
		}
		if _, err := in.next(); err != io.EOF {
			t.Errorf("after the last: %v", err)
		}
		if len(made) > 2*blocksKept { // what is given back is used again
			t.Errorf("seed %d: %d blocks for %d bytes", seed, len(made), len(stream))
		}
	}
}

func TestStreamThatEndsWithinAFrame(t *testing.T) { // spec F1.1
	whole := appendFrame(nil, kData, random(1, 5000))
	for cut := 1; cut < len(whole); cut += 7 {
		in := newInflow(bytes.NewReader(whole[:cut]))
		if _, err := in.next(); err != io.ErrUnexpectedEOF {
			t.Fatalf("cut after %d: %v", cut, err)
		}
	}
}

func FuzzFrames(f *testing.F) { // spec F1.2
	f.Add(appendFrame(appendFrame(nil, kFile, []byte("abc")), kData, []byte("defg")))
	f.Add(appendFrame(nil, kKeep, []byte("x")))
	f.Fuzz(func(t *testing.T, stream []byte) {
		in := newInflow(bytes.NewReader(stream))
		var again []byte
		for {
			fr, err := in.next()
			if err != nil {
				if err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, wire.ErrMalformed) {
					t.Errorf("%v", err)
				}
				break
			}
			again = appendFrame(again, fr.kind, fr.body)
		}
		if !bytes.HasPrefix(stream, again) {
			t.Error("the frames are not those of the stream")
		}
	})
}

// What came together is handed over together, up to a bound, and nothing waits for what has not come.
func TestFramesThatCameTogetherStayTogether(t *testing.T) {
	var stream []byte
	for range 100 {
		stream = appendFrame(appendFrame(stream, kEnd, make([]byte, 32)), kKeep, nil)
	}
	half := appendFrame(nil, kFile, make([]byte, 20))
	come := make(chan []byte, 3)
	come <- append(stream, half[:3]...)
	in := newInflow(reads(come))
	for _, want := range []int{batchFrames, batchFrames, batchFrames, 100 - 3*batchFrames} {
		var got []frame
		if err := in.batch(&got); err != nil || len(got) != want {
			t.Fatalf("%d frames, not %d; %v", len(got), want, err)
		}
	}
	come <- half[3:]
	come <- appendFrame(appendFrame(nil, kEnd, nil), kLast+1, nil)
	var got []frame
	if err := in.batch(&got); err != nil || len(got) != 1 || got[0].kind != kFile {
		t.Fatalf("%v, %v", got, err)
	}
	got = nil
	if err := in.batch(&got); !errors.Is(err, wire.ErrMalformed) || len(got) != 1 {
		t.Fatalf("what came before what is wrong: %v, %v", got, err)
	}
}

// A reads gives what is put into the channel, each at once.
type reads chan []byte

func (r reads) Read(b []byte) (int, error) { return copy(b, <-r), nil }
