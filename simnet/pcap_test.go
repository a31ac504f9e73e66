package simnet

import (
	"bytes"
	"encoding/binary"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A capturedPacket is what the reader below makes of a block.
type capturedPacket struct {
	iface string
	at    time.Duration
	flags byte
	ip    []byte
}

// readCapture reads pcapng strictly: every length must fit.
func readCapture(t *testing.T, data []byte) (packets []capturedPacket) {
	t.Helper()
	var ifaces []string
	le := binary.LittleEndian
	for n := 0; len(data) > 0; n++ {
		kind, length := le.Uint32(data), le.Uint32(data[4:])
		if length%4 != 0 || le.Uint32(data[length-4:]) != length || (n == 0) != (kind == 0x0A0D0D0A) {
			t.Fatalf("block %d of kind %x and %d bytes is wrong", n, kind, length)
		}
		body := data[8 : length-4]
		switch kind {
		case 1:
			if le.Uint16(body) != 101 || le.Uint16(body[8:]) != 2 {
				t.Fatalf("interface %x", body)
			}
			ifaces = append(ifaces, string(body[12:12+le.Uint16(body[10:])]))
		case 6:
			at := uint64(le.Uint32(body[4:]))<<32 | uint64(le.Uint32(body[8:]))
			size := le.Uint32(body[12:])
			options := body[20+(size+3)&^3:]
			packets = append(packets, capturedPacket{
				ifaces[le.Uint32(body)], time.Unix(0, int64(at)).Sub(Epoch), options[4], body[20 : 20+size],
			})
		}
		data = data[length:]
	}
	return packets
}

func TestCaptureHoldsWhatWasSentAndReceived(t *testing.T) {
	var file bytes.Buffer
	w, a, b, l := pair(1, LinkConfig{Latency: 5 * time.Millisecond})
	w.record.watchers = append(w.record.watchers, newCapture(&file).packet)
	b.echo = true
	a.send(l.Path(a.host, b.host), 1, 33)
	w.Run(time.Second)
	packets := readCapture(t, file.Bytes())
	want := []struct {
		iface string
		at    time.Duration
		flags byte
	}{{"a a-b", 0, 2}, {"b a-b", 5e6, 1}, {"b a-b", 5e6, 2}, {"a a-b", 10e6, 1}}
	if len(packets) != len(want) {
		t.Fatalf("%d packets, want %d", len(packets), len(want))
	}
	for i, p := range packets {
		if p.iface != want[i].iface || p.at != want[i].at || p.flags != want[i].flags {
			t.Errorf("packet %d: %s %v %d, want %v", i, p.iface, p.at, p.flags, want[i])
		}
		if len(p.ip) != 28+33 || binary.BigEndian.Uint16(p.ip[24:]) != 8+33 {
			t.Errorf("packet %d: headers %x", i, p.ip[:28])
		}
	}
}

// TestWiresharkReadsCaptures: where there is tshark, it finds nothing to complain of.
func TestWiresharkReadsCaptures(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil || testing.Short() {
		t.Skip("SKIP: there is no tshark, or no time for it")
	}
	var file bytes.Buffer
	s, err := ParseScenario("x.toml", []byte("[sim]\nduration = \"3s\"\n[[lan]]\nname = \"hall\"\nnodes = 3\n"))
	if err != nil {
		t.Fatal(err)
	}
	RunScenario(s, RunOptions{Pcap: &file})
	want := len(readCapture(t, file.Bytes()))
	cmd := exec.Command(tshark, "-r", "-", "-T", "fields", "-e", "frame.interface_name", "-e", "udp.checksum.status", "-o", "udp.check_checksum:TRUE")
	cmd.Stdin = &file
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != want || !strings.Contains(string(out), "hall-2 hall\t1") {
		t.Errorf("%d packets of %d, the first: %s", len(lines), want, lines[0])
	}
	for _, line := range lines {
		if !strings.HasSuffix(line, "\t1") {
			t.Fatalf("a bad checksum: %s", line)
		}
	}
}
