package wire

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

func mustHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBeaconGolden(t *testing.T) { // spec O2.1
	m := Beacon{Solicit: true, SID: sid.SID{1, 2, 31: 0x44}, Boot: 5, Nonce: 6, Echo: 7, Digest: 8, Interval: 800}
	want := "c00101" + "01020000000000000000000000000000" + "00000000000000000000000000000044" +
		"00000005" + "0000000000000006" + "0000000000000007" + "0000000000000008" + "0320"
	got := AppendBeacon(nil, m)
	if !bytes.Equal(got, mustHex(t, want)) || len(got) != BeaconSize {
		t.Errorf("%x", got)
	}
	back, err := ParseBeacon(append(got, 9, 9))
	if err != nil || back != m {
		t.Errorf("%+v, %v", back, err)
	}
	for n := range got {
		if _, err := ParseBeacon(got[:n]); err == nil {
			t.Errorf("%d bytes pass for a beacon", n)
		}
	}
	if _, err := ParseBeacon(append(got, make([]byte, MaxBeacon)...)); err == nil {
		t.Error("a beacon beyond 120 bytes")
	}
}

func TestForwardGolden(t *testing.T) { // spec O4.4
	f := Forward{Alias: 0x102, Distance: 0x30405, HopLimit: 64, Class: 3, Deflected: true, N: 2}
	f.Earlier[0], f.Earlier[1] = 0xa0, 0xb0
	got := append(AppendForward(nil, &f, 3, false), "abc"...)
	if !bytes.Equal(got, mustHex(t, "01"+"0102"+"00030405"+"40"+"53"+"000000a0"+"000000b0"+"0003"+"616263")) {
		t.Errorf("%x", got)
	}
	r := Read(got[1:])
	var back Forward
	r.Forward(&back, nil, false)
	f.Payload = []byte("abc")
	if r.End() != nil || !reflect.DeepEqual(back, f) {
		t.Errorf("%+v", back)
	}
	got = AppendForward(nil, &f, 3, true)
	if !bytes.Equal(got, mustHex(t, "02"+"0102"+"00030405"+"40"+"53"+"000000a0"+"000000b0")) {
		t.Errorf("%x", got)
	}
	r = Read(got[1:])
	if r.Forward(&back, []byte("abc"), true); r.End() != nil || !reflect.DeepEqual(back, f) {
		t.Errorf("%+v", back)
	}
}

func TestAckGolden(t *testing.T) { // spec O6.2
	a := Ack{Delay: 100 * time.Microsecond, N: 3}
	a.Ranges[0], a.Ranges[1], a.Ranges[2] = Range{90, 100}, Range{80, 88}, Range{0, 1}
	got := AppendAck(nil, &a)
	if !bytes.Equal(got, mustHex(t, "04"+"4064"+"4064"+"0a"+"02"+"00"+"08"+"404d"+"01")) {
		t.Errorf("%x", got)
	}
	r := Read(got[1:])
	var back Ack
	r.Ack(&back)
	if r.End() != nil || back != a {
		t.Errorf("%+v", back)
	}
	for _, bad := range []string{"05000600", "050005010000", "05000018"} {
		r = Read(mustHex(t, bad))
		if r.Ack(&back); r.Err() == nil {
			t.Errorf("%s passes", bad)
		}
	}
}

func TestLinkStateGolden(t *testing.T) { // spec O7.2
	l := LinkState{
		Flags: 1, Lifetime: 7200, Boot: 9, Seq: 0x11, SID: sid.SID{7}, Name: []byte("al"),
		Links: []Link{{NID: NID{1}, Cost: 10, MTU: 1472}, {NID: NID{2}, Cost: 30, MTU: 1200, Kind: 1}},
	}
	signed := AppendLinkState(nil, &l)
	want := "010101" + "1c20" + "00000009" + "0000000000000011" + "07" + hex.EncodeToString(make([]byte, 31)) + "02616c" + "02" +
		"010000000000000000000000" + "0000000a" + "05c0" + "00" + "020000000000000000000000" + "0000001e" + "04b0" + "01"
	if !bytes.Equal(signed, mustHex(t, want)) {
		t.Errorf("%x", signed)
	}
	msg := append(signed, make([]byte, sid.SignatureSize)...)
	back, err := ParseLinkState(msg, nil)
	l.Signed, l.Signature = signed, msg[len(signed):]
	if err != nil || !reflect.DeepEqual(back, l) {
		t.Errorf("%+v, %v", back, err)
	}
	l.Links[0], l.Links[1] = l.Links[1], l.Links[0]
	if _, err := ParseLinkState(append(AppendLinkState(nil, &l), make([]byte, 64)...), nil); err == nil {
		t.Error("links out of order")
	}
	l.Links = []Link{{NID: NID{1}, MTU: 1472}}
	if _, err := ParseLinkState(append(AppendLinkState(nil, &l), make([]byte, 64)...), nil); err == nil {
		t.Error("a link that costs nothing")
	}
}

func TestSummariesAndWants(t *testing.T) { // spec O8.3, O8.4
	s := Summary{From: NID{1}, To: NID{9}, N: 2}
	s.Entries[0], s.Entries[1] = SummaryEntry{NID{2}, 5}, SummaryEntry{NID{9}, 6}
	r := Read(AppendSummary(nil, &s)[1:])
	var back Summary
	if r.Summary(&back); r.End() != nil || back != s {
		t.Errorf("%+v", back)
	}
	s.Entries[1].NID = NID{10}
	r = Read(AppendSummary(nil, &s)[1:])
	if r.Summary(&back); r.Err() == nil {
		t.Error("an entry out of range")
	}
	w := Want{N: 2, NIDs: [MaxSummary]NID{{3}, {4}}}
	r = Read(AppendWant(nil, &w)[1:])
	var wants Want
	if r.Want(&wants); r.End() != nil || wants != w {
		t.Errorf("%+v", wants)
	}
}

func TestHaves(t *testing.T) { // spec O8.7
	h := Have{Mode: HaveGraft, N: 2}
	h.Entries[0], h.Entries[1] = SummaryEntry{NID{7}, 5}, SummaryEntry{NID{2}, 6}
	frame := AppendHave(nil, &h)
	r := Read(frame[1:])
	var back Have
	if r.Have(&back); r.End() != nil || back != h || len(frame) != 3+2*20 || frame[0] != FrameHave {
		t.Errorf("%+v", back)
	}
	for _, bad := range [][]byte{{3, 0}, {0, MaxSummary + 1}, {0, 1, 2}} {
		r = Read(bad)
		if r.Have(&back); r.Err() == nil {
			t.Errorf("%v", bad)
		}
	}
}

func TestBroadcastFrames(t *testing.T) { // spec O12.1
	b := Broadcast{HopLimit: 3, Origin: sid.SID{5}, ID: 77, Payload: []byte("hello")}
	frame, signed := AppendBroadcast(nil, &b)
	frame = append(frame, bytes.Repeat([]byte{0xee}, sid.SignatureSize)...)
	r := Read(frame[1:])
	var back Broadcast
	if r.Broadcast(&back); r.End() != nil || !bytes.Equal(back.Signed, signed) || !bytes.Equal(back.Payload, b.Payload) {
		t.Errorf("%+v", back)
	}
	if on := AppendBroadcastOn(nil, &back); !bytes.Equal(on, frame) {
		t.Error("changed on the way")
	}
}

func TestSealedBeaconGolden(t *testing.T) { // spec O2.8
	m := Beacon{Solicit: true, SID: sid.SID{1, 2, 31: 0x44}, Boot: 5, Nonce: 6, Echo: 7, Digest: 8, Interval: 800}
	nonce := [BeaconNonce]byte{0xaa, 23: 0xbb}
	got, s := AppendSealedBeacon(nil, &nonce, m)
	want := "c00102" + "aa" + hex.EncodeToString(make([]byte, 22)) + "bb" + "01" + hex.EncodeToString(AppendBeacon(nil, m)[3:]) +
		hex.EncodeToString(make([]byte, BeaconTag))
	if !bytes.Equal(got, mustHex(t, want)) || len(got) != SealedBeaconSize || SealedBeaconSize > MaxBeacon {
		t.Errorf("%x", got)
	}
	back, err := ParseBeaconBox(s.Box[:len(s.Box)-BeaconTag])
	if err != nil || back != m || !bytes.Equal(s.Nonce, nonce[:]) || !bytes.Equal(s.Head, got[:3]) {
		t.Errorf("%+v, %v", back, err)
	}
	if _, err := ParseBeacon(got); err == nil {
		t.Error("a sealed beacon passes for an open one")
	}
	for _, bad := range [][]byte{got[:len(got)-1], append(got, 0), AppendBeacon(nil, m)} {
		if _, err := ParseSealedBeacon(bad); err == nil {
			t.Errorf("%x passes for a sealed beacon", bad)
		}
	}
}

func FuzzSealedBeacon(f *testing.F) {
	nonce := [BeaconNonce]byte{1}
	msg, _ := AppendSealedBeacon(nil, &nonce, Beacon{SID: sid.SID{1}})
	f.Add(msg)
	f.Fuzz(func(t *testing.T, msg []byte) {
		s, err := ParseSealedBeacon(msg)
		if err != nil {
			return
		}
		if len(s.Head)+len(s.Nonce)+len(s.Box) != len(msg) {
			t.Errorf("%+v", s)
		}
		plain := s.Box[:len(s.Box)-BeaconTag]
		if m, err := ParseBeaconBox(plain); err != nil {
			t.Error(err)
		} else if _, back := AppendSealedBeacon(nil, (*[BeaconNonce]byte)(s.Nonce), m); !bytes.Equal(back.Box[1:len(plain)], plain[1:]) {
			t.Errorf("%x became %x", plain, back.Box)
		}
	})
}

func FuzzBeacon(f *testing.F) {
	f.Add(AppendBeacon(nil, Beacon{SID: sid.SID{1}}))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if m, err := ParseBeacon(msg); err == nil {
			if again, err := ParseBeacon(AppendBeacon(nil, m)); err != nil || again != m {
				t.Errorf("%+v became %+v, %v", m, again, err)
			}
		}
	})
}

func FuzzLinkPacket(f *testing.F) {
	f.Add(make([]byte, LinkOverhead))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if p, err := ParseLinkPacket(msg); err == nil && (p.End < LinkOverhead || p.End+len(p.Section) != len(msg)) {
			t.Errorf("%+v", p)
		}
	})
}

func FuzzLinkState(f *testing.F) {
	l := LinkState{SID: sid.SID{7}, Name: []byte("al"), Links: []Link{{NID: NID{1}, Cost: 10, MTU: 1472}}}
	f.Add(append(AppendLinkState(nil, &l), make([]byte, sid.SignatureSize)...))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if l, err := ParseLinkState(msg, nil); err == nil {
			if again := append(AppendLinkState(nil, &l), l.Signature...); !bytes.Equal(again, msg) {
				t.Errorf("%x became %x", msg, again)
			}
		}
	})
}

func FuzzLinkFrames(f *testing.F) {
	f.Add(AppendForward(nil, &Forward{N: 1}, 0, false), []byte(nil))
	f.Add(AppendForward(nil, &Forward{}, 2, true), []byte("ab"))
	f.Add(AppendAlias(nil, 1, sid.SID{1}), []byte(nil))
	f.Add(AppendAck(nil, &Ack{N: 1}), []byte(nil))
	f.Add(AppendHello(nil, 1, 2), []byte(nil))
	f.Add(AppendLinkStateFrame(nil, &LinkStateFrame{Total: 1, Piece: []byte{1}}), []byte(nil))
	f.Add(AppendSummary(nil, &Summary{}), []byte(nil))
	f.Add(AppendWant(nil, &Want{N: 1}), []byte(nil))
	f.Add(AppendUnreach(nil, NID{1}), []byte(nil))
	f.Add(AppendHave(nil, &Have{N: 1}), []byte(nil))
	f.Add(AppendRoute(nil, &Route{N: 2, Next: 1}), []byte(nil))
	f.Add(AppendGoodbye(AppendAck(nil, &Ack{N: 1})), []byte(nil))
	b, _ := AppendBroadcast(nil, &Broadcast{})
	f.Add(append(b, make([]byte, 64)...), []byte(nil))
	f.Fuzz(func(t *testing.T, plain, section []byte) {
		r := Read(plain)
		for r.Len() > 0 && r.Err() == nil {
			readAny(&r, section)
		}
	})
}

func readAny(r *Reader, section []byte) {
	switch typ := r.Uint8(); typ {
	case FrameForward, FrameSection:
		r.Forward(new(Forward), section, typ == FrameSection)
	case FrameAlias:
		r.Alias()
	case FrameAck:
		a := new(Ack)
		r.Ack(a)
	case FrameHello:
		r.Hello()
	case FrameLinkState:
		r.LinkStateFrame(new(LinkStateFrame))
	case FrameSummary:
		r.Summary(new(Summary))
	case FrameWant:
		r.Want(new(Want))
	case FrameUnreach:
		r.Unreach()
	case FrameHave:
		r.Have(new(Have))
	case FrameRoute:
		r.Route(new(Route))
	case FrameBroadcast:
		r.Broadcast(new(Broadcast))
	}
}

func TestFragments(t *testing.T) { // spec O14.1
	f := Fragment{ID: 0x1234, Index: 2, Last: 3, Piece: []byte("piece")}
	msg := AppendFragment(nil, &f)
	back, err := ParseFragment(msg)
	if err != nil || back.ID != f.ID || back.Index != 2 || back.Last != 3 || string(back.Piece) != "piece" || !bytes.HasPrefix(msg, []byte{0xc6, 0x12, 0x34, 0x23}) {
		t.Errorf("%x %+v %v", msg, back, err)
	}
	for _, bad := range [][]byte{{}, {0xc6}, {0xc6, 0, 0, 0x23}, {0xc6, 0, 0, 0x43, 1}, {0xc6, 0, 0, 0x00, 1}, {0xc6, 0, 0, 0x0c, 1}, {0xc4, 0, 0, 0x23, 1}} {
		if _, err := ParseFragment(bad); err == nil {
			t.Errorf("%x passes", bad)
		}
	}
}

func FuzzFragment(f *testing.F) {
	f.Add(AppendFragment(nil, &Fragment{ID: 1, Index: 0, Last: 1, Piece: []byte("x")}))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if w, err := ParseFragment(msg); err == nil && !bytes.Equal(AppendFragment(nil, &w), msg) {
			t.Errorf("%x", msg)
		}
	})
}

func TestRoutes(t *testing.T) { // spec O15.1
	way := Route{Hints: [MaxRoute]uint16{0x1234, 0xabcd}, N: 2, Next: 1}
	b := AppendRoute(nil, &way)
	var back Route
	r := Read(b[1:])
	r.Route(&back)
	if !bytes.Equal(b, []byte{14, 0x21, 0x12, 0x34, 0xab, 0xcd}) || r.End() != nil || back != way || way.Size() != len(b) || (&Route{}).Size() != 0 {
		t.Errorf("%x %+v %v", b, back, r.Err())
	}
	for _, bad := range [][]byte{{}, {0x00}, {0x24, 1, 2, 3, 4}, {0x21, 1, 2, 3}, append([]byte{0xf0}, make([]byte, 30)...)} {
		r := Read(bad)
		if r.Route(&back); r.Err() == nil {
			t.Errorf("%x passes", bad)
		}
	}
}
