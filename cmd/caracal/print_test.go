package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

func TestTablesGiveWayWhereTheyAreWidest(t *testing.T) { // ux 3.1
	widths := []int{4, 30, 10, 40}
	narrow(widths, 60, gap)
	if got := sum(widths) + 3*gap; got != 60 {
		t.Errorf("%v is %d wide, want 60", widths, got)
	}
	if widths[0] != 4 || widths[2] != 10 || widths[1]-widths[3] > 1 || widths[3]-widths[1] > 1 {
		t.Errorf("%v: the widest should have given", widths)
	}
	tiny := []int{9, 9}
	narrow(tiny, 3, gap)
	if tiny[0] != leastColumn || tiny[1] != leastColumn {
		t.Errorf("%v on a screen where nothing fits", tiny)
	}
	if wide := []int{3, 4}; true {
		narrow(wide, 80, gap)
		if wide[0] != 3 || wide[1] != 4 {
			t.Errorf("%v: there was room", wide)
		}
	}
}

// What matters least is left out first, whole; what is left can be read.
func TestTablesLeaveOutWhatIsSpare(t *testing.T) { // ux 3.1
	peers := table{
		{"PEER", "SID", "STATE", "LOSS", "KEYS"},
		{"kitchen", "a1b2c3d4", "direct wlan0", "0 %", "post-quantum"},
		{"(new)", "41d0beef", "mesh", "0 %", "classic", "caracal name 41d0beef NAME"},
	}
	spare := []string{"KEYS", "LOSS"}
	for _, c := range []struct {
		most, columns, between int
	}{{200, 6, gap}, {80, 6, gap - 1}, {60, 5, gap - 1}, {51, 5, gap - 1}, {50, 4, gap - 1}, {36, 3, gap - 1}, {28, 3, gap - 1}} {
		got, widths, between := peers.fit(c.most, spare)
		if len(widths) != c.columns || between != c.between || sum(widths)+between*(len(widths)-1) > c.most {
			t.Errorf("%d wide: %d columns %v, %d between", c.most, len(widths), widths, between)
		}
		if c.most >= 36 && (widths[0] != 7 || widths[1] != 8 || widths[2] != 12) {
			t.Errorf("%d wide: what matters was cut: %v", c.most, widths)
		}
		if len(got[1]) > 3 && got[1][3] != "0 %" {
			t.Errorf("%d wide: %v", c.most, got[1])
		}
	}
	if len(peers[1]) != 5 || peers[1][4] != "post-quantum" {
		t.Error("the table itself was changed")
	}
}

func TestTextIsBrokenBetweenWords(t *testing.T) {
	if got := fmt.Sprintf("%q", wrap("one two three  verylongword x", 9)); got != `["one two" "three" "verylongword" "x"]` {
		t.Error(got)
	}
}

// Every exit code that the help lists is produced by a script (ux 6.5).
func TestEveryExitCodeIsProduced(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	made := map[string]bool{}
	for _, path := range scripts {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^(?:\[unix\] )?exits ([0-9]+) |^(interrupts) |^stderr 'exit ([0-9]+)'$`).FindAllStringSubmatch(string(data), -1) {
			if m[2] != "" {
				made["130"] = true
			}
			made[m[1]+m[3]] = true
		}
	}
	listed := regexp.MustCompile(`(?m)^ *([0-9]+)  `).FindAllStringSubmatch(exitCodes().Long, -1)
	if len(listed) < 12 {
		t.Fatalf("%d codes are listed", len(listed))
	}
	for _, m := range listed {
		if !made[m[1]] {
			t.Errorf("no script produces exit code %s", m[1])
		}
	}
}
