package simnet

import (
	"io/fs"
)

// A Tester is what Run needs of a *testing.T.
type Tester interface {
	Helper()
	Fatal(args ...any)
	Errorf(format string, args ...any)
	Logf(format string, args ...any)
}

// RunFile runs a scenario file within a test: a plan of a network, for example,
// that somebody sent in because it fails. Each expectation that is not met is an
// error of the test; what was measured is in its log and in the result.
func RunFile(t Tester, files fs.FS, file string, o RunOptions) *Result {
	t.Helper()
	s, err := LoadScenario(files, file)
	if err != nil {
		t.Fatal(err)
		return nil
	}
	return Run(t, s, o)
}

// Run runs a scenario within a test, as RunFile does.
func Run(t Tester, s *Scenario, o RunOptions) *Result {
	t.Helper()
	r := RunScenario(s, o)
	if r.Failed {
		t.Errorf("%s", r.Text(0))
	} else {
		t.Logf("\n%s", r.Text(0))
	}
	return r
}
