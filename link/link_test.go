package link

import "testing"

func TestPathText(t *testing.T) {
	for _, test := range []struct {
		path Path
		want string
	}{
		{pathA, "1/10.0.0.1:4117"},
		{pathB, "1/[fe80::2]:4117"},
		{Path{Iface: 7}, "7/*"},
	} {
		if got := test.path.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
	if pathA.Everybody() || !(Path{Iface: 7}).Everybody() {
		t.Error("Everybody is exactly the path without an address")
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		LAN.String(): "lan", Internet.String(): "internet", Radio.String(): "radio", Kind(9).String(): "kind-9",
		Control.String(): "control", Voice.String(): "voice", Interactive.String(): "interactive",
		Bulk.String(): "bulk", Background.String(): "background", Class(NumClasses).String(): "class-5",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
