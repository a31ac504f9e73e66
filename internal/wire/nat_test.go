package wire

import (
	"encoding/hex"
	"net/netip"
	"reflect"
	"testing"

	"github.com/caracal-mesh/caracal/sid"
)

func TestSTUNVectors(t *testing.T) {
	tx := [12]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	for want, m := range map[string]STUN{
		"000100002112a4420102030405060708090a0b0c":                                                  {Transaction: tx},
		"000100082112a4420102030405060708090a0b0c0003000400000002":                                  {Transaction: tx, Change: STUNChangePort},
		"0101000c2112a4420102030405060708090a0b0c00200008000131 07ea12d543":                         {Transaction: tx, Response: true, Mapped: netip.MustParseAddrPort("203.0.113.1:4117")},
		"010100182112a4420102030405060708090a0b0c0020000800013107ea12d543802c000800010 3e8c6336401": {Transaction: tx, Response: true, Mapped: netip.MustParseAddrPort("203.0.113.1:4117"), Other: netip.MustParseAddrPort("198.51.100.1:1000")},
	} {
		var plain []byte
		for _, c := range []byte(want) {
			if c != ' ' {
				plain = append(plain, c)
			}
		}
		got := AppendSTUN(nil, &m)
		if hex.EncodeToString(got) != string(plain) {
			t.Errorf("%+v: %x, want %s", m, got, plain)
		}
		if back, err := ParseSTUN(got); err != nil || back != m {
			t.Errorf("%x reads as %+v, %v", got, back, err)
		}
	}
	for name, bad := range map[string]string{
		"cut":                     "000100082112a4420102030405060708090a0b0c00030004",
		"an indication":           "001100002112a4420102030405060708090a0b0c",
		"a response without":      "010100002112a4420102030405060708090a0b0c",
		"a request with USERNAME": "000100082112a4420102030405060708090a0b0c0006000461626364",
		"no cookie":               "000100002112a4430102030405060708090a0b0c",
	} {
		b, _ := hex.DecodeString(bad)
		if m, err := ParseSTUN(b); err == nil {
			t.Errorf("%s reads as %+v", name, m)
		}
	}
}

func TestRendezvousAndProbesComeBack(t *testing.T) {
	m := Meeting{
		Type: RendezvousAccept, Attempt: 1 << 60, Round: 2, Class: 3, Step: -4, Wait: 300, Secret: [16]byte{9},
		Candidates: []Candidate{{0, netip.MustParseAddrPort("192.168.1.5:4117")}, {3, netip.MustParseAddrPort("[2001:db8::1]:5")}},
	}
	b := AppendMeeting(nil, &m)
	if back, err := ParseMeeting(b); err != nil || !reflect.DeepEqual(back, m) || len(b) != 1+8+1+1+2+2+16+1+2*19 {
		t.Errorf("%d bytes read as %+v, %v", len(b), back, err)
	}
	for n := range b {
		if _, err := ParseMeeting(b[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken", n, len(b))
		}
	}
	for _, w := range []Word{
		{Type: RendezvousRefuse, Tx: 5, Value: 0},
		{Type: RendezvousAsk, Tx: 5, SID: sid.FromSeed([32]byte{1}).SID(), IP: netip.MustParseAddr("203.0.113.1")},
		{Type: RendezvousWitness, Tx: 6, Value: 1},
		{Type: RendezvousKnock, Tx: 7, Port: 40_000},
	} {
		if back, err := ParseWord(AppendWord(nil, &w)); err != nil || back != w {
			t.Errorf("%+v reads as %+v, %v", w, back, err)
		}
	}
	p := Punch{Kind: PunchPong, Attempt: 3, Tx: 4, Seen: netip.MustParseAddrPort("203.0.113.1:4117")}
	bytes := append(AppendPunch(nil, p), make([]byte, PunchMAC)...)
	const want = "c50100000000000000030000000000000004" + "00000000000000000000ffffcb0071011015" + "00000000000000000000000000000000"
	if hex.EncodeToString(bytes) != want || len(bytes) != PunchSize {
		t.Errorf("%x, want %s", bytes, want)
	}
	if back, covered, mac, err := ParsePunch(bytes); err != nil || back != p || len(covered) != PunchSize-PunchMAC || len(mac) != PunchMAC {
		t.Errorf("a probe reads as %+v, %v", back, err)
	}
}

func FuzzNAT(f *testing.F) {
	f.Add(AppendMeeting(nil, &Meeting{Type: RendezvousInvite, Candidates: []Candidate{{1, netip.MustParseAddrPort("203.0.113.1:4117")}}}))
	f.Add(AppendWord(nil, &Word{Type: RendezvousAsk}))
	f.Add(append(AppendPunch(nil, Punch{Kind: PunchPing}), make([]byte, PunchMAC)...))
	f.Add(AppendSTUN(nil, &STUN{Response: true, Mapped: netip.MustParseAddrPort("203.0.113.1:4117")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := ParseMeeting(b); err == nil && len(m.Candidates) > MaxCandidates {
			t.Error("too many candidates")
		}
		if w, err := ParseWord(b); err == nil {
			if again, err := ParseWord(AppendWord(nil, &w)); err != nil || again != w {
				t.Errorf("%+v comes back as %+v, %v", w, again, err)
			}
		}
		if p, covered, _, err := ParsePunch(b); err == nil && len(AppendPunch(nil, p)) != len(covered) {
			t.Error("a probe of another size")
		}
		if m, err := ParseSTUN(b); err == nil && m.Response && !m.Mapped.IsValid() {
			t.Error("a response that says nothing")
		}
	})
}
