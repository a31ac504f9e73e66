package pcapng

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"
)

// The checksum over all that it covers is right when it sums up to nothing.
func TestHeadersAddUp(t *testing.T) {
	for _, test := range []struct{ from, to string }{
		{"10.0.0.1:4117", "10.0.0.2:9"}, {"[fe80::1%eth0]:4117", "[ff02::1]:4118"}, {"[::ffff:10.0.0.1]:1", "10.9.9.9:2"}, {"[::]:1", "10.0.0.2:2"}, {"10.0.0.1:1", "[fe80::2]:2"},
	} {
		for _, data := range []string{"", "x", "hello", string(make([]byte, 1500))} {
			b := AppendUDP([]byte("before"), netip.MustParseAddrPort(test.from), netip.MustParseAddrPort(test.to), []byte(data))[6:]
			head, addrs := 20, b[12:20]
			if b[0]>>4 == 6 {
				head, addrs = 40, b[8:40]
			} else if sum16(0, b[:20]) != 0xffff || int(binary.BigEndian.Uint16(b[2:])) != len(b) {
				t.Errorf("%v: the IPv4 header is wrong", test)
			}
			udp := b[head:]
			if int(binary.BigEndian.Uint16(udp[4:])) != len(udp) || len(udp) != 8+len(data) || sum16(17+uint32(len(udp))+uint32(sum16(0, addrs)), udp) != 0xffff {
				t.Errorf("%v, %d bytes: the UDP header is wrong", test, len(data))
			}
		}
	}
	if b := AppendUDP(nil, netip.AddrPort{}, netip.AddrPort{}, []byte("x")); len(b) != 29 {
		t.Errorf("addresses of nobody: %x", b)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestTheFirstErrorStays(t *testing.T) {
	w := NewWriter(full{}, "test")
	w.Packet(w.Interface("a", LinkRaw), time.Unix(0, 0), Inbound, nil, 0)
	if w.Err() == nil || w.Err().Error() != "full" {
		t.Error(w.Err())
	}
}

func TestDroppedPacketsAreToldAtTheNext(t *testing.T) {
	var with, without bytes.Buffer
	w := NewWriter(&with, "test")
	w.Packet(0, time.Unix(0, 0), Outbound, []byte("abc"), 77)
	NewWriter(&without, "test").Packet(0, time.Unix(0, 0), Outbound, []byte("abc"), 0)
	if with.Len() != without.Len()+12 || !bytes.Contains(with.Bytes(), []byte{4, 0, 8, 0, 77, 0, 0, 0, 0, 0, 0, 0}) || w.Size() != with.Len() {
		t.Errorf("%x", with.Bytes())
	}
}
