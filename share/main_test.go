package share

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets more tests run side by side than there are cores: most of their time they wait. The command line has the last word.
func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "6")
	os.Exit(m.Run())
}
