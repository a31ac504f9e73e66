package arch

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write docs/features.md anew")

const (
	featureList  = root + "/docs/features.list"
	featureTable = root + "/docs/features.md"
)

// featureTest finds tests that carry the ids of features: TestS22…, TestS36S37….
var featureTest = regexp.MustCompile(`(?m)^func Test((?:[BLMPSTX]\d\d)+)([A-Z_a-z]\w*)?\(`)

// TestFeatureTable keeps docs/features.md the truth: which feature of the list has a test.
func TestFeatureTable(t *testing.T) {
	list, err := os.ReadFile(featureList)
	if err != nil {
		t.Fatal(err)
	}
	tests := featureTests(t)
	want, unknown := features(string(list), tests)
	if len(unknown) > 0 {
		t.Errorf("tests named for features that docs/features.list does not have: %v", unknown)
	}
	if *rewrite {
		if err := os.WriteFile(featureTable, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(featureTable)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.ReplaceAll(have, []byte("\r\n"), []byte("\n")), want) {
		t.Error("docs/features.md is stale. Type: go test ./internal/arch -run FeatureTable -rewrite")
	}
}

// featureTests are the names of the tests of each feature, in order.
func featureTests(t *testing.T) map[string][]string {
	tests := map[string][]string{}
	walkGo(t, root, func(path string) {
		if !strings.HasSuffix(path, "_test.go") {
			return
		}
		dir, _ := filepath.Rel(root, filepath.Dir(path))
		for _, m := range featureTest.FindAllStringSubmatch(strings.Join(lines(t, path), "\n"), -1) {
			for ids := m[1]; ids != ""; ids = ids[3:] {
				tests[ids[:3]] = append(tests[ids[:3]], fmt.Sprintf("`%s` %s", filepath.ToSlash(dir), "Test"+m[1]+m[2]))
			}
		}
	})
	return tests
}

// features makes the table, and names the ids that no row has.
func features(list string, tests map[string][]string) (table []byte, unknown []string) {
	var b, body bytes.Buffer
	known := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(list), "\n") {
		if title, ok := strings.CutPrefix(line, "# "); ok {
			fmt.Fprintf(&body, "\n## %s\n\n| id | feature | shown by | tests |\n|---|---|---|---|\n", title)
			continue
		}
		cells := strings.Split(line, " | ")
		id := cells[0]
		known[id] = true
		state := "open"
		if found := tests[id]; len(found) > 0 {
			slices.Sort(found)
			state = strings.Join(found, ", ")
		}
		fmt.Fprintf(&body, "| %s | %s | %s | %s |\n", id, cells[1], cells[3], state)
	}
	for id := range tests {
		if !known[id] {
			unknown = append(unknown, id)
		}
	}
	slices.Sort(unknown)
	b.WriteString("# Features\n\nMade from `docs/features.list` and the names of the tests; do not edit. A feature without a test is *open*. " +
		"After adding a test:\n`go test ./internal/arch -run FeatureTable -rewrite`.\n")
	b.Write(body.Bytes())
	return b.Bytes(), unknown
}
