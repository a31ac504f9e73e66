package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

// TestVarintVectors: the examples of RFC 9000 §A.1, and the borders of each length.
func TestVarintVectors(t *testing.T) {
	for _, test := range []struct {
		value uint64
		hex   string
	}{
		{151288809941952652, "c2197c5eff14e88c"},
		{494878333, "9d7f3e7d"},
		{15293, "7bbd"},
		{37, "25"},
		{0, "00"},
		{63, "3f"},
		{64, "4040"},
		{1<<14 - 1, "7fff"},
		{1 << 14, "80004000"},
		{1<<30 - 1, "bfffffff"},
		{1 << 30, "c000000040000000"},
		{MaxVarint, "ffffffffffffffff"},
	} {
		got := AppendVarint(nil, test.value)
		if hex.EncodeToString(got) != test.hex {
			t.Errorf("%d is %x, want %s", test.value, got, test.hex)
		}
		if VarintLen(test.value) != len(got) {
			t.Errorf("VarintLen(%d) = %d, want %d", test.value, VarintLen(test.value), len(got))
		}
		r := Read(got)
		if back := r.Varint(); back != test.value || r.End() != nil {
			t.Errorf("%s reads as %d, %v", test.hex, back, r.End())
		}
	}
}

// TestVarintInAnyLength: RFC 9000 §A.1, "4025" also is 37.
func TestVarintInAnyLength(t *testing.T) {
	for _, text := range []string{"25", "4025", "80000025", "c000000000000025"} {
		b, _ := hex.DecodeString(text)
		r := Read(b)
		if got := r.Varint(); got != 37 || r.End() != nil {
			t.Errorf("%s reads as %d, %v", text, got, r.End())
		}
	}
}

func TestVarintAboveTheLargestIsABug(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	AppendVarint(nil, MaxVarint+1)
}

func TestReaderTakesFromTheFront(t *testing.T) {
	r := Read([]byte{1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 'a', 'b', 'c'})
	if a, b, c, d := r.Uint8(), r.Uint16(), r.Uint32(), r.Uint64(); a != 1 || b != 2 || c != 3 || d != 4 {
		t.Errorf("read %d %d %d %d", a, b, c, d)
	}
	if v := r.Bytes(2); string(v) != "ab" || cap(v) != 2 {
		t.Errorf("Bytes = %q, capacity %d", v, cap(v))
	}
	if r.Len() != 1 || r.Err() != nil || !errors.Is(r.End(), ErrMalformed) {
		t.Errorf("with one byte left: Len %d, Err %v, End %v", r.Len(), r.Err(), r.End())
	}
	if string(r.Rest()) != "c" || r.End() != nil {
		t.Errorf("after Rest: %v", r.End())
	}
}

func TestReaderStaysFailed(t *testing.T) {
	for name, fail := range map[string]func(*Reader){
		"a byte too many":  func(r *Reader) { r.Bytes(6) },
		"a negative count": func(r *Reader) { r.Bytes(-1) },
		"a long integer":   func(r *Reader) { r.Uint64() },
		"a cut varint":     func(r *Reader) { r.Bytes(4); r.Varint() },
		"no varint":        func(r *Reader) { r.Bytes(5); r.Varint() },
		"Fail":             func(r *Reader) { r.Fail() },
	} {
		t.Run(name, func(t *testing.T) {
			r := Read([]byte{1, 2, 3, 4, 0xc0})
			fail(&r)
			if r.Len() != 0 || r.Uint8() != 0 || r.Uint16() != 0 || r.Uint32() != 0 || r.Uint64() != 0 ||
				r.Varint() != 0 || r.Bytes(0) != nil || r.Rest() != nil {
				t.Error("gives something after it failed")
			}
			if !errors.Is(r.Err(), ErrMalformed) || !errors.Is(r.End(), ErrMalformed) {
				t.Errorf("Err %v, End %v", r.Err(), r.End())
			}
		})
	}
}

func FuzzVarint(f *testing.F) {
	f.Add([]byte{0x25})
	f.Add([]byte{0x40, 0x25})
	f.Add([]byte{0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := Read(b)
		v := r.Varint()
		if r.Err() != nil {
			return
		}
		short := AppendVarint(nil, v)
		if used := len(b) - r.Len(); len(short) > used || (len(short) == used && !bytes.Equal(short, b[:used])) {
			t.Errorf("%x reads as %d, which is %x", b[:used], v, short)
		}
	})
}

// FuzzReader runs any sequence of reads over any bytes: the model is an offset.
func FuzzReader(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5}, []byte("0123456789abcdefghijklmnopqrstuvwxyz"))
	f.Add([]byte{4, 4, 4}, []byte{0x7b, 0xbd, 0x25, 0xc0})
	f.Fuzz(func(t *testing.T, script, b []byte) {
		r, offset := Read(b), 0
		for _, op := range script {
			before := r.Len()
			switch op % 6 {
			case 0:
				r.Uint8()
			case 1:
				r.Uint16()
			case 2:
				r.Uint32()
			case 3:
				r.Uint64()
			case 4:
				r.Varint()
			case 5:
				if v := r.Bytes(int(op / 6)); v != nil && !bytes.Equal(v, b[offset:offset+int(op/6)]) {
					t.Fatalf("at %d: %x", offset, v)
				}
			}
			if r.Err() != nil {
				if r.Len() != 0 {
					t.Fatal("failed, and something is left")
				}
				return
			}
			offset += before - r.Len()
			if offset+r.Len() != len(b) {
				t.Fatalf("at %d of %d, %d left", offset, len(b), r.Len())
			}
		}
	})
}
