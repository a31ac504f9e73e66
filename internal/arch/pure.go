package arch

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// bannedNames are functions, types and methods of packages that may be imported.
var bannedNames = map[string]map[string]ban{
	"time": bans(
		ban{1, "now is told"},
		"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Timer", "Ticker", "Local", "LoadLocation",
	),
	"iter":           bans(ban{5, "it is a goroutine underneath"}, "Pull", "Pull2"),
	"maps":           bans(ban{10, "nothing depends on the order of a map: wrap it in slices.Sorted"}, "All", "Keys", "Values", "DeleteFunc"),
	"reflect":        bans(ban{10, "nothing depends on the order of a map"}, "MapKeys", "MapRange", "Select", "Seq2"),
	"crypto/ecdh":    bans(ban{1, "entropy comes in as a seed: NewPrivateKey"}, "GenerateKey"),
	"crypto/ed25519": bans(ban{1, "entropy comes in as a seed: NewKeyFromSeed"}, "GenerateKey"),
	"crypto/mlkem":   bans(ban{1, "entropy comes in as a seed"}, "GenerateKey768", "GenerateKey1024", "Encapsulate"),
}

// seeded are the only names of math/rand/v2 that may be used: the rest draws from
// the global source.
var seeded = []string{"New", "NewChaCha8", "NewPCG", "NewZipf", "Rand", "ChaCha8", "PCG", "Zipf", "Source"}

func bans(b ban, names ...string) map[string]ban {
	m := map[string]ban{}
	for _, name := range names {
		m[name] = b
	}
	return m
}

// pure looks for whatever is not a function of what the file's code is told.
func (c *checker) pure(f *ast.File) {
	sorted := map[*ast.Ident]bool{} // names of maps.Keys that go straight into slices.Sorted
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			c.noteSorted(n, sorted)
			c.call(n)
		case *ast.Ident:
			if !sorted[n] {
				c.name(n)
			}
		case *ast.RangeStmt:
			c.ranges(n)
		default:
			c.concurrency(n)
		}
		return true
	})
}

// concurrency: law 5.
func (c *checker) concurrency(n ast.Node) {
	switch n := n.(type) {
	case *ast.GoStmt:
		c.broken(5, n, "a goroutine")
	case *ast.ChanType:
		c.broken(5, n, "a channel")
	case *ast.SendStmt:
		c.broken(5, n, "a send on a channel")
	case *ast.SelectStmt:
		c.broken(5, n, "a select")
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			c.broken(5, n, "a receive from a channel")
		}
	}
}

// ranges: laws 10 and 5.
func (c *checker) ranges(n *ast.RangeStmt) {
	switch over := core(c.info.TypeOf(n.X)).(type) {
	case *types.Map:
		c.broken(10, n, "a range over a map: keep a slice, or sort the keys")
	case *types.Chan:
		c.broken(5, n, "a range over %v", over)
	}
}

// core is the type underneath t, or underneath the constraint of t if it has one.
func core(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	p, ok := types.Unalias(t).(*types.TypeParam)
	if !ok {
		return t.Underlying()
	}
	constraint := p.Constraint().Underlying().(*types.Interface)
	if constraint.NumEmbeddeds() == 0 {
		return constraint
	}
	first := constraint.EmbeddedType(0)
	if union, ok := first.(*types.Union); ok {
		first = union.Term(0).Type()
	}
	return first.Underlying()
}

// call: law 5, the built-in close.
func (c *checker) call(n *ast.CallExpr) {
	if id, ok := ast.Unparen(n.Fun).(*ast.Ident); ok && id.Name == "close" {
		if _, builtin := c.info.Uses[id].(*types.Builtin); builtin {
			c.broken(5, n, "a close of a channel")
		}
	}
}

// name: laws 1, 5 and 10, names of other packages.
func (c *checker) name(id *ast.Ident) {
	obj := c.info.Uses[id]
	if obj == nil || obj.Pkg() == nil {
		return
	}
	if b, banned := bannedNames[obj.Pkg().Path()][obj.Name()]; banned && !method(obj, "time", "After") {
		c.broken(b.law, id, "%s.%s: %s", obj.Pkg().Name(), obj.Name(), b.why)
	}
	if obj.Pkg().Path() == "math/rand/v2" && obj.Parent() == obj.Pkg().Scope() && !slices.Contains(seeded, obj.Name()) {
		c.broken(1, id, "rand.%s draws from the global source: use one with a seed", obj.Name())
	}
}

// method reports whether obj is the method of that name: (time.Time).After is fine.
func method(obj types.Object, pkg, name string) bool {
	f, ok := obj.(*types.Func)
	return ok && obj.Pkg().Path() == pkg && obj.Name() == name && f.Signature().Recv() != nil
}

// noteSorted notes the Keys in slices.Sorted(maps.Keys(m)) and its like: keys are
// distinct, so any total order of them is the same order every time.
func (c *checker) noteSorted(n *ast.CallExpr, sorted map[*ast.Ident]bool) {
	if !c.isFunc(n.Fun, "slices", "Sorted", "SortedFunc") || len(n.Args) == 0 {
		return
	}
	inner, ok := ast.Unparen(n.Args[0]).(*ast.CallExpr)
	if ok && c.isFunc(inner.Fun, "maps", "Keys") {
		sorted[ast.Unparen(inner.Fun).(*ast.SelectorExpr).Sel] = true
	}
}

// isFunc reports whether the expression is one of the functions, named as pkg.Name.
func (c *checker) isFunc(e ast.Expr, pkg string, names ...string) bool {
	sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	obj := c.info.Uses[sel.Sel]
	return obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == pkg && slices.Contains(names, obj.Name())
}
