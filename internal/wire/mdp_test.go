package wire

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/caracal-mesh/caracal/sid"
)

// TestMDPVectors: the bytes are as the spec draws them // spec D1.2, D5.2, D6.1, D8.1, D8.3
func TestMDPVectors(t *testing.T) {
	dst := sid.SID{0: 0xAA, 31: 0xBB}
	hop := TraceReply{Dst: dst, Hop: sid.SID{0: 0xCC}, Kind: 2, RTT: 1500, Loss: 0x4000, Hops: 3, Name: []byte("an-interface-too-long")}
	none := TraceReply{Dst: dst, Status: TraceNoRoute}
	aa := "aa" + zeros(30) + "bb"
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{Ports{Dst: 2, Src: 1024}.Append(nil), "02" + "4400"},
		{Ports{Dst: MaxPort, Src: 63}.Append(nil), "bfffffff" + "3f"},
		{AppendEarly(nil, 0xA1B2C3D4, []byte{2, 0x44, 0, 7}), "a1b2c3d4" + "02440007"},
		{Refusal{Port: 777, Src: 64}.Append(nil), "01" + "4309" + "4040"},
		{Receipt{Try: 3, Largest: 0x1234, Count: 7}.Append(nil), "08" + "03" + "0000000000001234" + "00000007"},
		{AppendQuestion(nil, 5), "09" + "05"},
		{AppendTraceRequest(nil, dst), "00" + aa},
		{none.Append(nil), "01" + aa + "02"},
		{hop.Append(nil), "01" + aa + "00" + "cc" + zeros(31) + "02" + "45dc" + "4000" + "03" + "10" + hex.EncodeToString([]byte("an-interface-too"))},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func zeros(n int) string { return hex.EncodeToString(make([]byte, n)) }

// TestPortsRefuseNonsense // spec D1.3
func TestPortsRefuseNonsense(t *testing.T) {
	for _, text := range []string{"", "02", "c000000040000000" + "01", "02" + "c000000040000000", "0200", "42"} {
		b, _ := hex.DecodeString(text)
		if p, _, err := ParsePorts(b); err != ErrMalformed {
			t.Errorf("%s: %v %v", text, p, err)
		}
	}
	if p, rest, err := ParsePorts([]byte{0, 0, 7}); err != nil || p != (Ports{}) || !bytes.Equal(rest, []byte{7}) {
		t.Error(p, rest, err)
	}
}

// FuzzMDP: what parses is written again as it was understood.
func FuzzMDP(f *testing.F) {
	dst := sid.SID{1, 2, 3}
	f.Add(Ports{Dst: 2, Src: 1024}.Append(nil))
	f.Add(Refusal{Port: 777, Src: 64}.Append(nil))
	f.Add(AppendTraceRequest(nil, dst))
	f.Add((&TraceReply{Dst: dst, Hop: dst, Kind: 1, RTT: 70_000, Loss: 9, Hops: 2, Name: []byte("eth0")}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, rest, err := ParsePorts(b); err == nil {
			q, again, err := ParsePorts(append(p.Append(nil), rest...))
			if err != nil || q != p || !bytes.Equal(again, rest) {
				t.Error(p, q, err)
			}
		}
		if boot, rest, err := ParseEarly(b); err == nil && !bytes.Equal(AppendEarly(nil, boot, rest), b) {
			t.Error(boot, rest)
		}
		if r, ok := ParseReceipt(b); ok && (!bytes.Equal(r.Append(nil), b) || !IsReceipt(append([]byte{0, 0}, b...))) {
			t.Error(r)
		}
		if try, ok := ParseQuestion(b); ok && !bytes.Equal(AppendQuestion(nil, try), b) {
			t.Error(try)
		}
		if r, err := ParseRefusal(b); err == nil {
			if q, err := ParseRefusal(r.Append(nil)); err != nil || q != r {
				t.Error(r, q, err)
			}
		}
		if d, err := ParseTraceRequest(b); err == nil && !bytes.Equal(AppendTraceRequest(nil, d), b) {
			t.Error(d)
		}
		if r, err := ParseTraceReply(b); err == nil {
			q, err := ParseTraceReply(r.Append(nil))
			if err != nil || !bytes.Equal(q.Name, r.Name) || q.Hop != r.Hop || q.RTT != r.RTT || q.Hops != r.Hops {
				t.Error(r, q, err)
			}
		}
	})
}
