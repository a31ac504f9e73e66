package arch

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// TestLaws holds the whole module against the laws.
func TestLaws(t *testing.T) {
	violations, err := Check(root, "./...")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range violations {
		t.Error(v)
	}
}

// TestPlanted shows that each law catches what breaks it, and nothing else: the
// packages in testdata say behind the line which law it breaks.
func TestPlanted(t *testing.T) {
	dirs, err := filepath.Glob("testdata/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal(dirs, err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			violations, err := Check(".", "./"+filepath.ToSlash(dir)+"/...")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range violations {
				name, _ := filepath.Rel(dir, v.Pos.Filename[strings.Index(v.Pos.Filename, filepath.FromSlash(dir)):])
				got = append(got, fmt.Sprintf("%s:%d: law %d", filepath.ToSlash(name), v.Pos.Line, v.Law))
			}
			if want := wanted(t, dir); !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s\nin full %v", strings.Join(got, "\n"), strings.Join(want, "\n"), violations)
			}
		})
	}
}

// wanted collects the laws that the comments say are broken.
func wanted(t *testing.T, dir string) (want []string) {
	law := regexp.MustCompile(`// (law \d+)`)
	walkGo(t, dir, func(path string) {
		name, _ := filepath.Rel(dir, path)
		for i, text := range lines(t, path) {
			for _, m := range law.FindAllStringSubmatch(text, -1) {
				want = append(want, fmt.Sprintf("%s:%d: %s", filepath.ToSlash(name), i+1, m[1]))
			}
		}
	})
	return want
}

// TestEveryFloorIsNamedOnce keeps the tables from naming what is not there.
func TestEveryFloorIsNamedOnce(t *testing.T) {
	for from, tos := range apart {
		for _, to := range append([]string{from}, tos...) {
			if _, ok := floors[to]; !ok {
				t.Errorf("apart names %s, which has no floor", to)
			}
		}
	}
	for from, tos := range exceptions {
		for to, reason := range tos {
			if floors[from] != floors[to] || reason == "" {
				t.Errorf("exception %s → %s: not on one floor, or without a reason", from, to)
			}
		}
	}
}

// TestFilesAreShort: house §4, 400 lines are the limit.
func TestFilesAreShort(t *testing.T) {
	walkGo(t, root, func(path string) {
		if n := len(lines(t, path)); n > 400 && !strings.HasSuffix(path, "_test.go") {
			t.Errorf("%s has %d lines: a file has one idea and at most 400", path, n)
		}
	})
}

// TestEveryPackageSaysWhatItIs: house §4, the package comment.
func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := map[string]bool{}
	walkGo(t, root, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Error(err)
			return
		}
		dir := filepath.Dir(path)
		documented[dir] = documented[dir] || f.Doc != nil
	})
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

// walkGo visits the Go files beneath dir. Reading them here also tells the go
// command on what the results of these tests depend.
func walkGo(t *testing.T, dir string, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, ".go"):
			visit(path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}
