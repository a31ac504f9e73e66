package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/caracal-mesh/caracal/sid"
)

// contextPrefix begins all that is hashed or signed with a key, to say what for.
const contextPrefix = "caracal/1 "

// One key may serve several purposes: an identity's seed both signs and agrees, a network key makes a
// psk, an id and the key of beacons. No result for one purpose can be taken for that of another, as what goes in
// begins with the purpose, which ends with a zero byte, is used in one place, and stands in the spec.
func TestThreat26DomainSeparation(t *testing.T) { // threat 26
	contexts := map[string][]string{}
	walkGo(t, root, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && strings.HasPrefix(text, contextPrefix) && text != contextPrefix {
					contexts[text] = append(contexts[text], fset.Position(n.Pos()).String())
				}
			case *ast.ValueSpec: // const stateContext = "lsa", of signatures
				for i, name := range n.Names {
					if i >= len(n.Values) || !strings.HasSuffix(name.Name, "Context") {
						continue
					}
					lit, ok := n.Values[i].(*ast.BasicLit)
					if !ok {
						continue
					}
					if text, err := strconv.Unquote(lit.Value); err == nil && !strings.HasPrefix(text, contextPrefix) {
						framed := contextPrefix + text + "\x00"
						contexts[framed] = append(contexts[framed], fset.Position(n.Pos()).String())
					}
				}
			}
			return true
		})
	})
	if len(contexts) < 10 {
		t.Fatalf("only %d contexts found", len(contexts))
	}
	spec := specText(t)
	for context, places := range contexts {
		name, ended := strings.CutSuffix(context, "\x00")
		if !ended || strings.Contains(name, "\x00") {
			t.Errorf("%q at %v must end with its only zero byte", context, places)
		}
		if len(places) != 1 {
			t.Errorf("%q has several purposes: %v", context, places)
		}
		if !strings.Contains(spec, `"`+name+`"`) && !strings.Contains(spec, "`"+strings.TrimPrefix(name, contextPrefix)+"`") {
			t.Errorf("%q at %v does not stand in docs/spec", name, places)
		}
	}
	id := sid.FromSeed([32]byte{1})
	sig := id.Sign("one", []byte("message"))
	if !id.SID().Verify("one", []byte("message"), sig[:]) || id.SID().Verify("two", []byte("message"), sig[:]) {
		t.Error("a signature is good for another purpose")
	}
}

// specText is docs/spec in one.
func specText(t *testing.T) string {
	files, err := filepath.Glob(root + "/docs/spec/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}
