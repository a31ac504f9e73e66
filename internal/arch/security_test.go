package arch

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

const securitySpec = root + "/docs/spec/security.md"

var (
	threatRow  = regexp.MustCompile(`(?m)^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`)
	testName   = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w*`)
	testInCode = regexp.MustCompile(`^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	notShown   = regexp.MustCompile(`^(refused: |later: issue \d+, )\S.{20,}`)
)

// threats is how many rows the table of threats has.
const threats = 26

// TestThreatTable: every threat of spec X4 names a test that is there, or says why there is none.
func TestThreatTable(t *testing.T) { // spec X4
	spec, err := os.ReadFile(securitySpec)
	if err != nil {
		t.Fatal(err)
	}
	there := allTests(t)
	rows := threatRow.FindAllStringSubmatch(strings.ReplaceAll(string(spec), "\r\n", "\n"), -1)
	if len(rows) != threats {
		t.Errorf("%d rows, want %d", len(rows), threats)
	}
	for i, row := range rows {
		if row[1] != fmt.Sprint(i+1) {
			t.Errorf("row %d is numbered %s", i+1, row[1])
		}
		shown := row[4]
		if notShown.MatchString(shown) {
			continue
		}
		names := testName.FindAllString(shown, -1)
		if len(names) == 0 {
			t.Errorf("threat %s: %q names no test, and neither \"refused: why\" nor \"later: issue N, why\"", row[1], shown)
		}
		for _, name := range names {
			if !there[name] {
				t.Errorf("threat %s: there is no %s", row[1], name)
			}
		}
	}
}

// allTests are the names of all tests, fuzz targets and benchmarks of the repository.
func allTests(t *testing.T) map[string]bool {
	there := map[string]bool{}
	walkGo(t, root, func(path string) {
		if !strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, line := range lines(t, path) {
			if m := testInCode.FindStringSubmatch(line); m != nil {
				there[m[1]] = true
			}
		}
	})
	return there
}
