package simnet

import (
	"strings"
	"testing"
	"time"
)

// TestPlansRun: what gen writes is a scenario, and the mesh does what it expects.
func TestPlansRun(t *testing.T) {
	t.Parallel()
	for _, shape := range Shapes {
		p := Plan{Shape: shape, Nodes: 9, Duration: Duration(40 * time.Second), Seed: 1, Latency: Duration(5 * time.Millisecond), Loss: 0.01}
		text, err := p.Scenario()
		if err != nil {
			t.Errorf("%s: %v", shape, err)
			continue
		}
		s, err := ParseScenario(shape+".toml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if r := RunScenario(s, RunOptions{}); r.Failed || r.Nodes != 9 {
			t.Errorf("%s:\n%s%s", shape, text, r.Text(0))
		}
	}
}

func TestPlansThatCannotBe(t *testing.T) {
	for want, p := range map[string]Plan{
		"there is no shape":    {Shape: "cube"},
		"has from 2 to":        {Shape: "ring", Nodes: 1},
		"share from 0 to 1":    {Shape: "ring", Nodes: 3, Loss: 2},
		"must be 30s or more":  {Shape: "ring", Nodes: 3},
		"only the nodes":       {Shape: "ring", Nodes: 3, Duration: 60e9, Roam: true},
		"is not a rate":        {Shape: "ring", Nodes: 3, Duration: 60e9, Rate: "fast"},
		"there is no shape \"": {Shape: ""},
	} {
		if _, err := p.Scenario(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", p, err, want)
		}
	}
}
