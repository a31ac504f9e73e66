package arch

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryDependencyHasAReason compares docs/dependencies.md with go.mod and with
// what the packages import.
func TestEveryDependencyHasAReason(t *testing.T) {
	required, direct := requirements(t)
	reasons := table(t)
	for _, module := range direct {
		if reasons[module] == "" {
			t.Errorf("go.mod requires %s, which docs/dependencies.md does not explain", module)
		}
	}
	for _, module := range imported(t, required) {
		if reasons[module] == "" {
			t.Errorf("a package imports %s, which docs/dependencies.md does not explain", module)
		}
	}
	for _, module := range slices.Sorted(maps.Keys(reasons)) {
		if !slices.Contains(required, module) {
			t.Errorf("docs/dependencies.md explains %s, which go.mod does not require", module)
		}
	}
}

// requirements reads go.mod: all modules, and those not marked indirect.
func requirements(t *testing.T) (all, direct []string) {
	t.Helper()
	line := regexp.MustCompile(`^(?:require )?\s*(\S+) v\S+( // indirect)?$`)
	for _, text := range lines(t, filepath.Join(root, "go.mod")) {
		m := line.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		all = append(all, m[1])
		if m[2] == "" {
			direct = append(direct, m[1])
		}
	}
	return all, direct
}

// table reads docs/dependencies.md: | [module](url) | licence | reason |.
func table(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\S+)` \\| [^|]+ \\| ([^|]+) \\|$").FindAllStringSubmatch(string(b), -1) {
		reasons[m[1]] = m[2]
	}
	return reasons
}

// imported finds the modules that our packages and their tests import.
func imported(t *testing.T, required []string) []string {
	t.Helper()
	all, err := list(root, "./...")
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]bool{}
	for _, l := range all {
		for _, path := range slices.Concat(l.Imports, l.TestImports, l.XTestImports) {
			for _, module := range required {
				if path == module || strings.HasPrefix(path, module+"/") {
					modules[module] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(modules))
}
