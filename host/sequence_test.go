package host

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/node"
)

func TestSequenceNumbersSurviveARestart(t *testing.T) { // spec O7.4
	home := t.TempDir()
	seq := func() (seq uint64) {
		h, err := Start(t.Context(), Config{Home: home, Listen: "127.0.0.1:0", NoDiscovery: true})
		if err != nil {
			t.Fatal(err)
		}
		h.Do(func(_ time.Time, n *node.Node) { seq = n.Mesh().Seq() })
		h.Close()
		return seq
	}
	first := seq()
	if second := seq(); second <= first+sequenceAhead {
		t.Errorf("%d, then %d", first, second)
	}
	path := filepath.Join(home, sequenceFile)
	far := uint64(1) << 46 // as after a clock that was far ahead
	if err := os.WriteFile(path, []byte("70368744177664\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := seq(); got <= far || got > far+10 {
		t.Errorf("%d after %d", got, far)
	}
	for _, wrong := range []string{"", "garbage", "-1", "99999999999999999999999"} {
		if err := os.WriteFile(path, []byte(wrong), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := seq(); got < first || got > far {
			t.Errorf("%d after %q", got, wrong)
		}
	}
}

// A number is written beside the node: one may overtake another.
func TestSequenceNumbersNeverFall(t *testing.T) { // spec O7.4
	s, home := sequence{}, t.TempDir()
	s.load(home)
	for _, floor := range []uint64{1 << 20, 1 << 21, 1 << 20} {
		if err := s.write(floor); err != nil {
			t.Fatal(err)
		}
	}
	if got := (&sequence{}).load(home); got != 1<<21 {
		t.Errorf("%d", got)
	}
}
