package simnet

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain collects garbage less often: a tenth of the time of these tests went into it.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
