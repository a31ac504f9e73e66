package doctor

import (
	"os"
	"testing"
)

// testdata/ruleset.json is what nft 1.0.6 prints of: policy drop; ct state established,related accept; iifname "lo"
// accept; udp dport { 4117, 4200 } accept; tcp dport 22 accept; jump more. In more: ip saddr 10.0.0.0/8 udp dport
// 5353 accept; udp dport 4118-4120 counter drop.
func TestRulesetIsJudgedForEachPort(t *testing.T) {
	data, err := os.ReadFile("testdata/ruleset.json")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := parseRuleset(data)
	if err != nil {
		t.Fatal(err)
	}
	for port, want := range map[uint16]verdict{
		4117: passes,
		4118: drops,   // by its rule
		22:   drops,   // tcp only
		9:    drops,   // by the policy
		5353: mayDrop, // unless it comes from 10.0.0.0/8
	} {
		got, at := rules.judge(port)
		if got != want || got != passes && at != "inet filter input" {
			t.Errorf("udp %d: verdict %d at %q, want %d", port, got, at, want)
		}
	}
	if empty, err := parseRuleset([]byte(`{"nftables": []}`)); err != nil {
		t.Error(err)
	} else if got, _ := empty.judge(4117); got != passes {
		t.Errorf("without rules: %d", got)
	}
}

// A rule of a chain that lets the rest in holds for its ports only, both ends of a range among them.
func TestARangeOfPortsHasTwoEnds(t *testing.T) {
	rules, err := parseRuleset([]byte(`{"nftables": [
		{"chain": {"family": "inet", "table": "f", "name": "in", "hook": "input", "policy": "accept"}},
		{"rule": {"family": "inet", "table": "f", "chain": "in", "expr": [
			{"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": {"range": [4100, 4117]}}}, {"drop": null}]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for port, want := range map[uint16]verdict{1: passes, 4099: passes, 4100: drops, 4110: drops, 4117: drops, 4118: passes, 65535: passes} {
		if got, _ := rules.judge(port); got != want {
			t.Errorf("udp %d: verdict %d, want %d", port, got, want)
		}
	}
}

// A chain that calls itself, and rules that are nonsense, end.
func FuzzRuleset(f *testing.F) {
	data, _ := os.ReadFile("testdata/ruleset.json")
	f.Add(data)
	f.Add([]byte(`{"nftables":[{"chain":{"family":"ip","table":"t","name":"a","hook":"input","policy":"drop"}},{"rule":{"family":"ip","table":"t","chain":"a","expr":[{"jump":{"target":"a"}}]}}]}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		rules, _ := parseRuleset(data)
		rules.judge(4117)
	})
}
