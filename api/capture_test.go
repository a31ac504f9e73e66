package api

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/internal/pcapng"
)

func TestACaptureIsBoundedAndCountsWhatItLoses(t *testing.T) {
	f := &film{woken: make(chan struct{}, 1)}
	c := host.Captured{At: time.Unix(1, 0), From: netip.MustParseAddrPort("10.0.0.1:1"), To: netip.MustParseAddrPort("10.0.0.2:2"), Data: make([]byte, 1<<20)}
	for range 40 {
		f.take(&c)
	}
	frames, data := f.swap(nil, nil)
	if len(data) > maxUncaptured || len(frames) != 15 || f.lost != 25 {
		t.Errorf("%d bytes, %d packets, %d lost", len(data), len(frames), f.lost)
	}
	f.take(&c)
	if again, _ := f.swap(frames, data); len(again) != 1 || again[0].lost != 25 || f.lost != 0 {
		t.Errorf("%+v, %d", again, f.lost)
	}
}

func TestEachInterfaceIsDescribedOnce(t *testing.T) {
	var file bytes.Buffer
	p := printer{out: pcapng.NewWriter(&file, "test"), ids: map[frame]uint32{}}
	for _, k := range []frame{{iface: 1, name: "eth0"}, {iface: 2, name: "wlan0"}, {iface: 1, name: "eth0", at: time.Unix(9, 0), out: true}, {opened: true, name: "eth0", iface: 1}, {opened: true}} {
		p.put(&k, nil)
	}
	if len(p.ids) != 3 || bytes.Count(file.Bytes(), []byte("eth0")) != 1 || bytes.Count(file.Bytes(), []byte("opened")) != 1 {
		t.Errorf("%v", p.ids)
	}
}
