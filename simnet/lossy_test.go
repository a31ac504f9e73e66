package simnet

import (
	"os"
	"testing"
)

// TestR06TwoHopsOfFortyPercent: where two packets in five are lost on each of two hops, as good as all datagrams arrive, once, and nobody
// takes the next one for gone whom it hears all the time.
func TestR06TwoHopsOfFortyPercent(t *testing.T) { // spec O3.6, O6.5, O5.6
	s, err := LoadScenario(os.DirFS("../examples/sim"), "R06-loss.toml")
	if err != nil {
		t.Fatal(err)
	}
	seeds := []uint64{3, 4}
	if *long {
		seeds = []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}
	}
	if testing.Short() {
		seeds = seeds[:1]
	}
	var sent, delivered, twice int
	for _, seed := range seeds {
		r := RunScenario(s, RunOptions{Seed: &seed})
		sent, delivered, twice = sent+int(r.Datagrams.Sent), delivered+int(r.Datagrams.Delivered), twice+int(r.Datagrams.Duplicates)
		if r.Failed {
			t.Errorf("seed %d: %d of %d, %d twice", seed, r.Datagrams.Delivered, r.Datagrams.Sent, r.Datagrams.Duplicates)
		}
	}
	t.Logf("%d seeds: %d of %d arrived (%.3f %%), %d twice", len(seeds), delivered, sent, 100*float64(delivered)/float64(sent), twice)
}
