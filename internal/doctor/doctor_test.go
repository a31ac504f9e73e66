package doctor

import (
	"strings"
	"testing"
)

// found is the finding of a check; the zero one when there is none.
func (r *Report) found(check string) Finding {
	for _, f := range r.Findings {
		if f.Check == check {
			return f
		}
	}
	return Finding{}
}

func TestWhatRoutersDoIsTold(t *testing.T) {
	for _, c := range []struct {
		name         string
		nat          *NAT
		nat1, mapped Level
		lifetime     Level
		indirect     int
	}{
		{"not known", nil, "", "", "", 0},
		{"on a LAN only", &NAT{Class: "unknown", PortMap: "no router has opened a port: no answer", Lifetime: -1}, "", "", "", 0},
		{"seen once", &NAT{Class: "unknown", Seen: true, Lifetime: -1}, OK, "", "", 0},
		{"public", &NAT{Class: "none", Seen: true, PortMap: "no router has opened a port: x", Lifetime: -1}, OK, "", "", 0},
		{"easy, no port", &NAT{Class: "easy", Seen: true, PortMap: "no router has opened a port: x", Lifetime: 25}, OK, Hint, "", 0},
		{"easy, with a port", &NAT{Class: "easy", Seen: true, PortMap: "the router has opened 203.0.113.7:4117 (NAT-PMP)", Lifetime: 25}, OK, OK, "", 0},
		{"hard", &NAT{Class: "hard", Seen: true, Lifetime: 0, Indirect: []string{"cabin: both change their ports"}}, Hint, "", Hint, 1},
		{"blocked", &NAT{Class: "blocked", Lifetime: -1}, Problem, "", "", 0},
	} {
		r := &Report{}
		r.internet(c.nat)
		if a, b, d := r.found("nat").Level, r.found("port-map").Level, r.found("nat-lifetime").Level; a != c.nat1 || b != c.mapped || d != c.lifetime {
			t.Errorf("%s: nat %q, port-map %q, nat-lifetime %q", c.name, a, b, d)
		}
		n := 0
		for _, f := range r.Findings {
			if f.Check == "indirect" {
				n++
			}
			if f.Level == Problem && f.Why == "" && f.Commands == nil {
				t.Errorf("%s: a problem without a word on it", c.name)
			}
		}
		if n != c.indirect {
			t.Errorf("%s: %d without a direct path", c.name, n)
		}
	}
}

func TestFewFilesAreTold(t *testing.T) {
	for _, c := range []struct {
		open, limit uint64
		want        Level
	}{{20, 1024, OK}, {818, 1024, OK}, {820, 1024, Problem}, {20, 255, Hint}, {20, 256, OK}, {64, 64, Problem}} {
		r := &Report{}
		r.filesOf(c.open, c.limit)
		if got := r.found("open-files").Level; got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.open, c.limit, got, c.want)
		}
	}
	if open, limit, known := descriptors(); known && (open < 3 || limit < open) {
		t.Errorf("this process: %d of %d", open, limit)
	}
}

func TestAnotherVersionIsTold(t *testing.T) {
	if f := Skew("0.2.0", "0.2.0"); f != nil {
		t.Errorf("the same version: %+v", f)
	}
	f := Skew("0.1.0", "0.2.0")
	if f == nil || f.Level != Hint || !strings.Contains(f.Text, "0.1.0") || !strings.Contains(f.Text, "0.2.0") || len(f.Commands) == 0 {
		t.Errorf("%+v", f)
	}
}
