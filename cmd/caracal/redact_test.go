package main

import (
	"strings"
	"testing"
)

func TestRedactedTextsKeepWhatBelongsTogether(t *testing.T) {
	r := newRedactor()
	sid := strings.Repeat("a1b2c3d4", 8)
	doc, err := r.json(map[string]any{
		"self":  map[string]any{"sid": sid, "name": "kitchen", "home": "/home/ada/.caracal", "uptime_s": 3.5},
		"peers": []any{map[string]any{"sid": strings.Repeat("77fe09aa", 8), "name": "Grüße", "via": sid, "addr": "203.0.113.9:4117"}},
		"items": []any{map[string]any{"what": "divorce.pdf", "state": "waiting"}},
		"addrs": []any{"192.168.1.4", "2001:db8::7", "fe80::1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := string(doc) + r.text(`level=INFO msg=neighbour-up peer=a1b2c3d4 home=/home/ada/x file="/root/secret plan.txt" to kitchen, kitchens; key=c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0 from 203.0.113.9:4117 [2001:db8::7]:1 divorce.pdf`)
	for _, gone := range []string{"a1b2c3d4", "77fe09aa", "\"kitchen\"", "kitchen,", "Grüße", "ada", "divorce", "203.0.113.9", "2001:db8", "c2VjcmV0", "secret"} {
		if strings.Contains(all, gone) {
			t.Errorf("%q is still there:\n%s", gone, all)
		}
	}
	for _, kept := range []string{"192.168.1.4", "fe80::1", "waiting", "neighbour-up", "3.5", ":4117", "kitchens"} {
		if !strings.Contains(all, kept) {
			t.Errorf("%q is gone:\n%s", kept, all)
		}
	}
	if word := r.names[sid]; strings.Count(all, "\""+word+"\"") != 2 || !strings.Contains(all, "peer="+word) {
		t.Errorf("%s does not stand where the SID did:\n%s", word, all)
	}
}

func TestSettingsKeepTheirKeys(t *testing.T) {
	got := newRedactor().settings("# my node, at 12 Mill Lane\n[node]\nname = \"kitchen\" # ours\nport = 4117\n[files]\naccept = \"contacts\"\npeers = [\"mill.example:4117\", 'x y']\n")
	want := "\n[node]\nname = \"text-1\" \nport = 4117\n[files]\naccept = \"contacts\"\npeers = [\"text-2\", \"text-3\"]\n"
	if got != want {
		t.Errorf("got %q", got)
	}
}
