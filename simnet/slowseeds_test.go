package simnet

import (
	"os"
	"testing"
)

// Seeds with which a late answer on a slow radio once had its ends doubt the way: handshakes and questions filled the channel, and more
// answers came late, until nobody reached anybody and the mesh had used up what it may send for minutes.
func TestALateAnswerDoesNotFillASlowRadio(t *testing.T) { // spec D4.2, O11.5
	s, err := LoadScenario(os.DirFS("../examples/sim"), "R10-slow-radio.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range []uint64{4, 19} {
		r := RunScenario(s, RunOptions{Seed: &seed})
		if r.Pings.Delivered*100 < r.Pings.Sent*95 || *r.SettledBytes > 8.5 {
			t.Errorf("seed %d: %d of %d pings, %.1f B/s", seed, r.Pings.Delivered, r.Pings.Sent, *r.SettledBytes)
		}
	}
}
