package wire

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// everyFrame is one frame of each type, one behind the other, as spec M3 lays them out.
var everyFrame = []struct {
	name string
	hex  string
	make func(b []byte) []byte
}{
	{"PING", "01", AppendMSPPing},
	{"ACK", "02 44d2 4064 01 05 02 40ff", func(b []byte) []byte {
		return AppendMSPAck(b, 100, []MSPRange{{1229, 1234}, {970, 1225}})
	}},
	{"CLOSE", "03 00", AppendMSPClose},
	{"MAX_DATA", "04 80100000", func(b []byte) []byte { return AppendMSPMax(b, MSPMaxData, 1<<20) }},
	{"MAX_STREAM_DATA", "05 07 80040000", func(b []byte) []byte { return AppendMSPMaxStreamData(b, 7, 256<<10) }},
	{"MAX_STREAMS", "06 4400", func(b []byte) []byte { return AppendMSPMax(b, MSPMaxStreams, 1024) }},
	{"RESET", "07 07 00 0000002a 09 02 6e6f", func(b []byte) []byte {
		return AppendMSPReset(b, 7, MSPResetBoth, 42, 9, "no")
	}},
	{"STOP", "08 07 00000001", func(b []byte) []byte { return AppendMSPStop(b, 7, 1) }},
	{"OPEN by port", "09 07 00000003 4400 4050", func(b []byte) []byte { return AppendMSPOpen(b, 7, 3, 1024, 80, "", "") }},
	{"OPEN by service", "09 07 fffffffe 4400 00 03 776562 02 6831", func(b []byte) []byte {
		return AppendMSPOpen(b, 7, -2, 1024, 0, "web", "h1")
	}},
	{"KEEP", "0a 07 01", func(b []byte) []byte { return AppendMSPKeep(b, 7, true) }},
	{"PRIORITY", "20 07 02 ffffffff", func(b []byte) []byte { return AppendMSPPriority(b, 7, 2, -1) }},
	{"SUB", "21 09 07 00000064 80040000 0a", func(b []byte) []byte { return AppendMSPSub(b, 9, 7, 100, 256<<10, 10) }},
	{"CHILD_WINDOW", "22 07 80004000", func(b []byte) []byte { return AppendMSPChildWindow(b, 7, 16<<10) }},
	{"DATAGRAM", "23 07 05 21 0003 616263", func(b []byte) []byte {
		return AppendMSPDatagram(b, 7, 5, 1, 3, []byte("abc"))
	}},
	{"STREAM", "13 07 4400 0003 616263", func(b []byte) []byte {
		return append(AppendMSPStream(b, 7, 1024, 3, true, true, false), "abc"...)
	}},
}

// golden is the bytes of a hex text with spaces.
func golden(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(text), []byte(" "), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMSPFramesAreLaidOutAsInTheSpec(t *testing.T) {
	for _, c := range everyFrame {
		want := golden(t, c.hex)
		if got := c.make(nil); !bytes.Equal(got, want) {
			t.Errorf("%s: % x, want % x", c.name, got, want)
		}
		var f MSPFrame
		r := Read(want)
		if !r.MSPFrame(&f) || r.End() != nil {
			t.Errorf("%s does not parse", c.name)
		}
		for n := range want { // spec M1.4: truncated
			if _, err := CheckMSPFrames(want[:n], &f); n > 0 && err == nil {
				t.Errorf("%s cut to %d bytes parses", c.name, n)
			}
		}
	}
}

func TestMSPHeader(t *testing.T) {
	h := MSPHeader{Orphan: true, From: 1, To: 2, Number: 3}
	b := append(h.Append(nil), MSPPing)
	if want := golden(t, "11 00000001 00000002 00000003 01"); !bytes.Equal(b, want) {
		t.Errorf("% x", b)
	}
	if got, frames, err := ParseMSPHeader(b); got != h || len(frames) != 1 || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	h = MSPHeader{To: 2, Number: 3} // the receiver knows whom it is from
	b = append(h.Append(nil), MSPPing)
	if want := golden(t, "12 00000002 00000003 01"); !bytes.Equal(b, want) || h.Size() != 9 {
		t.Errorf("% x", b)
	}
	if got, frames, err := ParseMSPHeader(b); got != h || len(frames) != 1 || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{
		"", "10 00000001 00000002 00000003", "14 00000001 00000002 00000003 01", "13 00000002 00000003 01", "12 00000000 00000003 01", "12 00000002 00000003",
		"20 00000001 00000002 00000003 01", "10 00000000 00000002 00000003 01",
	} { // spec M1.1
		if _, _, err := ParseMSPHeader(golden(t, bad)); err == nil {
			t.Errorf("%q parses", bad)
		}
	}
}

// spec M3: the data go on to the end of the packet.
func TestMSPStreamToTheEnd(t *testing.T) {
	b := append(AppendMSPStream([]byte{MSPPing}, 7, 1<<30, 3, false, true, true), "abc"...)
	if want := golden(t, "01 15 07 c000000040000000 616263"); !bytes.Equal(b, want) {
		t.Errorf("% x", b)
	}
	var f MSPFrame
	r := Read(b[1:])
	if !r.MSPFrame(&f) || r.End() != nil || f.Type != MSPStream || string(f.Data) != "abc" || f.Offset != 1<<30 || !f.Fin || f.Mark {
		t.Errorf("%+v", f)
	}
}

// spec M1.4, M1.5
func TestMSPFramesRefused(t *testing.T) {
	var f MSPFrame
	for name, text := range map[string]string{
		"unknown type":             "0b",
		"unknown stream type":      "18 00 00 0000",
		"ack of negative number":   "02 05 00 00 06",
		"ack gap below zero":       "02 05 00 01 00 04 00",
		"too many ranges":          "02 05 00 20 00",
		"keep of 2":                "0a 07 02",
		"reset of kind 4":          "07 07 04 00000000 00 00",
		"open of nothing":          "09 07 00000003 4400 00 00 00",
		"open of a port too large": "09 07 00000003 4400 c0000000 40000000",
		"datagram of 5 fragments":  "23 07 05 40 0000",
		"fragment 2 of 2":          "23 07 05 12 0000",
		"offset too large":         "10 00 ffffffffffffffff 0000",
	} {
		if _, err := CheckMSPFrames(golden(t, text), &f); err == nil {
			t.Errorf("%s parses", name)
		}
	}
	for text, want := range map[string]bool{"02 05 00 00 00": false, "03 00": false, "01": true, "02 05 00 00 00 01": true} {
		if asks, err := CheckMSPFrames(golden(t, text), &f); asks != want || err != nil {
			t.Errorf("%s: asks %v, %v", text, asks, err)
		}
	}
}

func FuzzMSPFrames(f *testing.F) {
	var all []byte
	for _, c := range everyFrame {
		all = c.make(all)
		f.Add(c.make(nil))
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, b []byte) {
		var g MSPFrame
		r := Read(b)
		for r.MSPFrame(&g) {
			switch g.Type {
			case MSPAck:
				last := uint64(1 << 63)
				for _, x := range g.Ranges[:g.Count] {
					if x.Low > x.High || x.High >= last {
						t.Fatalf("ranges %v", g.Ranges[:g.Count])
					}
					last = x.Low
				}
			case MSPStream:
				if g.End() > MaxVarint || g.End() < g.Offset {
					t.Fatalf("frame ends at %d", g.End())
				}
			}
		}
	})
}

// spec M16.4
func TestMSPServiceRow(t *testing.T) {
	s := MSPService{"web", "h1", "pages", ""}
	b := AppendMSPService(nil, s)
	if want := golden(t, "03 776562 02 6831 05 7061676573 00"); !bytes.Equal(b, want) {
		t.Errorf("% x", b)
	}
	if got, err := ParseMSPService(b); got != s || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	for n := range b {
		if _, err := ParseMSPService(b[:n]); err == nil {
			t.Errorf("cut to %d bytes it parses", n)
		}
	}
}

func FuzzMSPService(f *testing.F) {
	f.Add(AppendMSPService(nil, MSPService{"web", "h1", "pages", "1.1"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseMSPService(b); err == nil && !bytes.Equal(AppendMSPService(nil, s), b) {
			t.Errorf("%+v is not % x", s, b)
		}
	})
}
