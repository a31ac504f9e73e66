// Package arch checks by machine the house laws that a machine can check: 1 (told,
// not asking), 5 (one owner), 8 (only internal/wire touches packet bytes), 10 (same
// seed, same history) and 11 (floors). Tests are free of them all.
package arch

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// Module is the path of the module whose laws these are.
const Module = "github.com/caracal-mesh/caracal"

// planted is the prefix of the packages that break a law on purpose; what follows
// is the package that they play.
var planted = regexp.MustCompile(`^internal/arch/testdata/[^/]+/`)

// A Violation is one place where a law is broken.
type Violation struct {
	Law  int // its number in the house laws
	Pos  token.Position
	Text string
}

// String gives the violation as a compiler gives an error.
func (v Violation) String() string { return fmt.Sprintf("%v: law %d: %s", v.Pos, v.Law, v.Text) }

// Check checks the packages of the module at dir that match the patterns of the
// go command. The violations are in the order of files and lines.
func Check(dir string, patterns ...string) ([]Violation, error) {
	pkgs, err := load(dir, patterns...)
	if err != nil {
		return nil, err
	}
	var all []Violation
	for _, p := range pkgs {
		if outside[p.path] {
			continue
		}
		c := checker{pkg: p}
		c.laws()
		all = append(all, c.found...)
	}
	slices.SortStableFunc(all, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Pos.Filename, b.Pos.Filename), cmp.Compare(a.Pos.Line, b.Pos.Line))
	})
	return all, nil
}

// within is a path of the module without the module's name, unplanted. Paths of
// others it leaves as they are.
func within(path string) string {
	rest, ours := strings.CutPrefix(path, Module+"/")
	if !ours {
		return path
	}
	return planted.ReplaceAllString(rest, "")
}

// A checker checks one package.
type checker struct {
	*pkg
	found []Violation
}

func (c *checker) broken(law int, at ast.Node, format string, args ...any) {
	c.found = append(c.found, Violation{law, c.fset.Position(at.Pos()), fmt.Sprintf(format, args...)})
}

func (c *checker) laws() {
	listed, floor, ok := home(c.path)
	if !ok {
		c.broken(11, c.files[0].Name, "package %s stands on no floor: list it in internal/arch/floors.go", c.path)
		return
	}
	for _, f := range c.files {
		for _, spec := range f.Imports {
			c.importFloor(spec, listed, floor)
			if floor <= line {
				c.importBelow(spec)
			}
			if floor <= line || listed == "simnet" {
				c.importPure(spec)
			}
		}
		if floor <= line || listed == "simnet" {
			c.pure(f)
		}
	}
}
