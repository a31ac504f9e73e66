package lan

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

const lanFlags = net.FlagUp | net.FlagRunning | net.FlagBroadcast | net.FlagMulticast

// iface is a LAN interface with addresses in CIDR form.
func iface(index uint32, name string, cidrs ...string) Interface {
	i := Interface{Index: index, Name: name, MTU: 1500, Flags: lanFlags}
	for _, c := range cidrs {
		i.Prefixes = append(i.Prefixes, netip.MustParsePrefix(c))
	}
	return i
}

func loopback() Interface {
	i := iface(1, "lo", "127.0.0.1/8", "::1/128")
	i.Flags, i.MTU = net.FlagUp|net.FlagRunning|net.FlagLoopback, 65536
	return i
}

func names(ifaces []Interface) (out []string) {
	for _, i := range ifaces {
		out = append(out, i.Name)
	}
	return out
}

func TestInterfacesAreChosenByPatterns(t *testing.T) { // spec L2.1–L2.3
	lo, eth, wlan := loopback(), iface(2, "eth0", "10.0.0.1/24"), iface(3, "wlan0", "fe80::1/64")
	docker, veth, bare := iface(4, "docker0", "172.17.0.1/16"), iface(5, "veth9a", "fe80::5/64"), iface(6, "eth1")
	all := []Interface{lo, eth, wlan, docker, veth, bare}
	for _, c := range []struct {
		name     string
		all      []Interface
		patterns []string
		addr     string
		want     []string
	}{
		{"default", all, nil, "::", []string{"eth0", "wlan0"}},
		{"nothing but what is excluded", []Interface{lo, veth, docker}, nil, "::", []string{"docker0", "veth9a"}},
		{"the user's exclusions never give way", []Interface{lo, veth}, []string{"*", "!veth*"}, "::", nil},
		{"the last match decides", all, []string{"!*", "veth*", "eth*", "!eth0"}, "::", []string{"veth9a"}},
		{"loopback by name", all, []string{"lo", "eth0"}, "::", []string{"lo", "eth0"}},
		{"a star is not a name", []Interface{lo}, []string{"*"}, "::", nil},
		{"listening on the loopback", all, nil, "127.0.0.1", []string{"lo"}},
		{"listening elsewhere on the loopback", all, nil, "127.0.0.9", []string{"lo"}},
		{"listening on one address", all, nil, "10.0.0.1", []string{"eth0"}},
		{"listening on nobody's address", all, nil, "10.0.0.2", nil},
	} {
		got := names(Choice{Patterns: c.patterns, Addr: netip.MustParseAddr(c.addr)}.Of(c.all))
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if bad := CheckPatterns([]string{"eth*", "!w[", "x"}); bad != "!w[" {
		t.Errorf("malformed pattern found: %q, want \"!w[\"", bad)
	}
	if bad := CheckPatterns([]string{"!"}); bad != "!" {
		t.Errorf("malformed pattern found: %q, want \"!\"", bad)
	}
}

func TestCapsOfAnInterface(t *testing.T) { // spec L2.5
	for mtu, want := range map[int]int{1500: 1452, 9000: 8952, 65536: 65487, 1280: 1232, 68: link.LeastMTU} {
		if got := (Interface{MTU: mtu}).Caps().MTU; got != want {
			t.Errorf("interface MTU %d: payload %d, want %d", mtu, got, want)
		}
	}
	tun := Interface{Flags: net.FlagUp | net.FlagPointToPoint, MTU: 1420}
	if c := tun.Caps(); c.Kind != link.Internet || c.Broadcast {
		t.Errorf("tunnel: %+v, want internet without broadcast", c)
	}
	if c := iface(2, "eth0").Caps(); c.Kind != link.LAN || !c.Broadcast {
		t.Errorf("eth0: %+v, want LAN with broadcast", c)
	}
}

func TestBroadcastAddress(t *testing.T) { // spec L1.3
	for cidr, want := range map[string]string{
		"10.1.2.3/24": "10.1.2.255", "10.1.2.3/8": "10.255.255.255", "192.168.7.9/30": "192.168.7.11",
		"10.0.0.1/31": "invalid IP", "10.0.0.1/32": "invalid IP", "fe80::1/64": "invalid IP",
	} {
		if got := iface(2, "x", cidr).Broadcast4().String(); got != want {
			t.Errorf("%s: %s, want %s", cidr, got, want)
		}
	}
}

func TestAddressHasOnePathWhicheverWayWeLearnOfIt(t *testing.T) { // spec L2.6, L2.7
	var table Table
	table.Set([]Interface{
		iface(2, "eth0", "10.0.0.1/24", "fe80::2/64"), iface(3, "wlan0", "10.0.0.7/24", "fe80::3/64"), iface(4, "eth1", "10.4.0.1/16"),
	})
	for _, c := range []struct {
		in   uint32
		addr string
		want uint32
	}{
		{2, "10.0.0.9", 2},    // of the subnet it came in by
		{3, "10.0.0.9", 3},    // both interfaces have that subnet
		{1, "10.4.0.1", 4},    // our own address, looped back
		{2, "10.4.5.6", 4},    // came in by another than it belongs to
		{2, "203.0.113.9", 0}, // through the router
		{1, "127.0.0.1", 0},   // the loopback is not in use
		{3, "fe80::9", 3},
		{9, "fe80::9", 0},
	} {
		from := link.Path{Iface: c.in, Addr: netip.AddrPortFrom(netip.MustParseAddr(c.addr), 4117)}
		want := link.Path{Iface: c.want, Addr: from.Addr}
		for range 2 { // the second answer is remembered
			if got := table.From(from); got != want {
				t.Errorf("%s in by %d: %v, want %v", c.addr, c.in, got, want)
			}
		}
	}
	for text, want := range map[string]string{
		"10.4.0.9:1": "4/10.4.0.9:1", "10.0.0.9:1": "2/10.0.0.9:1", "8.8.8.8:1": "0/8.8.8.8:1",
		"[::ffff:10.4.0.9]:1": "4/10.4.0.9:1", "[fe80::9%wlan0]:1": "3/[fe80::9]:1", "[fe80::9%lo]:1": "", "[fe80::9]:1": "",
	} {
		got, ok := table.To(netip.MustParseAddrPort(text))
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("to %s: %v %v, want %q", text, got, ok, want)
		}
	}
}

func TestBeaconFromTheWrongSubnetIsStillOnTheLink(t *testing.T) { // spec L2.6
	var table Table
	eth := iface(2, "eth0", "10.0.0.1/24")
	table.Set([]Interface{eth})
	stranger := link.Path{Iface: 2, Addr: netip.MustParseAddrPort("192.168.5.5:4117")}
	if got := table.From(stranger); got.Iface != 0 {
		t.Errorf("before any beacon: %v, want interface 0", got)
	}
	if !table.Heard(2, stranger.Addr.Addr()) {
		t.Error("beacon on eth0 refused")
	}
	if got := table.From(stranger); got.Iface != 2 {
		t.Errorf("after its beacon: %v, want interface 2", got)
	}
	if table.Heard(7, stranger.Addr.Addr()) {
		t.Error("beacon by an interface not in use taken") // spec L1.4
	}
	for i := range 2 * maxOnLink {
		table.Heard(2, netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)}))
	}
	if len(table.onLink) != maxOnLink {
		t.Errorf("%d addresses remembered, want %d", len(table.onLink), maxOnLink)
	}
	table.Set(nil)
	if len(table.onLink) != 0 {
		t.Error("addresses of an interface that is gone remembered")
	}
}

func TestInterfacesOfThisMachine(t *testing.T) {
	all, err := Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, Interface.Loopback)
	if i < 0 {
		t.Skip("no loopback here")
	}
	if lo := all[i]; !lo.Has4() || !slices.Contains(lo.Prefixes, netip.MustParsePrefix("127.0.0.1/8")) {
		t.Errorf("loopback is %+v, want 127.0.0.1/8 in it", lo)
	}
}

func TestWatchTellsOfWhatDiffersFromWhatIsKnown(t *testing.T) { // spec L2.4
	ctx, cancel := context.WithTimeout(t.Context(), pollEvery+time.Minute)
	defer cancel()
	var got []Interface
	known := []Interface{iface(77, "gone0", "10.0.0.1/24")}
	Watch(ctx, Choice{Patterns: []string{"lo"}}, known, func(now []Interface) {
		got = now
		cancel()
	})
	if ctx.Err() != context.Canceled || slices.Contains(names(got), "gone0") {
		t.Errorf("told %v (%v), want what is there within %v", names(got), ctx.Err(), pollEvery)
	}
}

func TestEveryProcessHearsABeacon(t *testing.T) { // spec L1.2
	const port = 41180
	group4, group6 := netip.MustParseAddr("239.255.41.18"), netip.MustParseAddr("ff12::8000:4118")
	heard := make(chan string, 8)
	for _, who := range []string{"a", "b"} {
		d, err := ListenDiscovery(port, group4, group6)
		if err != nil {
			t.Skip(err)
		}
		defer d.Close()
		d.Join([]Interface{loopback()})
		d.Serve(func(from link.Path, _ Channel, b []byte) {
			heard <- who + " " + from.Addr.Addr().String() + " " + string(b)
		})
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Skip(err)
	}
	defer conn.Close()
	to := &net.UDPAddr{IP: net.IPv4(127, 255, 255, 255), Port: port}
	long := make([]byte, maxBeacon+1)
	for _, b := range [][]byte{long, []byte("beacon")} {
		if _, err := conn.WriteTo(b, to); err != nil {
			t.Skip("no broadcast on the loopback: ", err)
		}
	}
	var got []string
	for range 2 {
		select {
		case h := <-heard:
			got = append(got, h)
		case <-time.After(time.Minute):
		}
	}
	slices.Sort(got)
	if want := []string{"a 127.0.0.1 beacon", "b 127.0.0.1 beacon"}; !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
}
