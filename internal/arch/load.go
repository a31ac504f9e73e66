package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// A pkg is one package of ours, parsed and type-checked, without its tests.
type pkg struct {
	path    string // within the module: "overlay"
	imports []string
	fset    *token.FileSet
	files   []*ast.File
	info    *types.Info
}

// listed is what we ask `go list` to say about a package.
type listed struct {
	ImportPath, Dir, Export            string
	DepOnly, Standard                  bool
	GoFiles                            []string
	Imports, TestImports, XTestImports []string
	Module                             *struct{ Path string }
	Error                              *struct{ Err string }
}

// list runs `go list` in dir.
func list(dir string, args ...string) ([]listed, error) {
	cmd := exec.Command("go", append([]string{"list", "-e", "-json=ImportPath,Dir,Export,DepOnly,Standard,GoFiles,Imports,TestImports,XTestImports,Module,Error"}, args...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.Bytes())
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
}

// load parses and type-checks the packages of ours that match the patterns. What
// they import comes from the compiler's export data, so this is quick.
func load(dir string, patterns ...string) ([]*pkg, error) {
	all, err := list(dir, append([]string{"-export", "-deps"}, patterns...)...)
	if err != nil {
		return nil, err
	}
	exports := map[string]string{}
	for _, l := range all {
		exports[l.ImportPath] = l.Export
	}
	fset := token.NewFileSet()
	imp := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data for %s", path)
		}
		return os.Open(exports[path])
	})
	var ours []*pkg
	for _, l := range all {
		if l.DepOnly || len(l.GoFiles) == 0 {
			continue
		}
		p, err := check(fset, imp, l)
		if err != nil {
			return nil, err
		}
		ours = append(ours, p)
	}
	return ours, nil
}

// check parses and type-checks one package. A package that does not compile is
// checked as far as it goes: the compiler has the word on that.
func check(fset *token.FileSet, imp types.Importer, l listed) (*pkg, error) {
	p := &pkg{path: within(l.ImportPath), fset: fset, info: &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{},
		Uses:  map[*ast.Ident]types.Object{},
	}}
	for _, path := range l.Imports {
		p.imports = append(p.imports, within(path))
	}
	for _, name := range l.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(l.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		p.files = append(p.files, f)
	}
	conf := types.Config{Importer: imp, Error: func(error) {}}
	_, _ = conf.Check(l.ImportPath, fset, p.files, p.info)
	return p, nil
}
