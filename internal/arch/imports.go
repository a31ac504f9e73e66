package arch

import (
	"go/ast"
	"slices"
	"strconv"
)

// A ban is why something may not be used, and which law says so.
type ban struct {
	law int
	why string
}

// bannedBelow are the packages that nothing below the line imports.
var bannedBelow = map[string]ban{
	"os":              {1, "files and environment belong to the host"},
	"os/exec":         {1, "processes belong to the host"},
	"os/signal":       {1, "signals belong to the host"},
	"io/fs":           {1, "files belong to the host"},
	"io/ioutil":       {1, "files belong to the host"},
	"path/filepath":   {1, "files belong to the host"},
	"net":             {1, "sockets belong to the host; addresses are net/netip"},
	"net/http":        {1, "sockets belong to the host"},
	"syscall":         {1, "the system belongs to the host"},
	"encoding/binary": {8, "packet bytes are read and written by internal/wire"},
}

// bannedPure are the packages that nothing deterministic imports.
var bannedPure = map[string]ban{
	"sync":         {5, "whoever calls, owns: there is nothing to lock"},
	"sync/atomic":  {5, "whoever calls, owns: there is nothing to share"},
	"context":      {5, "deadlines are told, and there is nobody to cancel"},
	"runtime":      {10, "what it tells differs from machine to machine"},
	"crypto/rand":  {1, "entropy comes in as a seed"},
	"math/rand":    {1, "use math/rand/v2 with a seed"},
	"hash/maphash": {10, "its seed is random"},
	"log":          {1, "it reads the clock: emit a trace event"},
	"testing":      {1, "it is for tests"},
	"log/slog":     {1, "it reads the clock: emit a trace event"},
}

func path(spec *ast.ImportSpec) string {
	p, _ := strconv.Unquote(spec.Path.Value)
	return p
}

// importFloor: law 11.
func (c *checker) importFloor(spec *ast.ImportSpec, from string, floor int) {
	imported := within(path(spec))
	if imported == path(spec) { // not ours
		return
	}
	to, beneath, ok := home(imported)
	switch {
	case outside[imported]:
		c.broken(11, spec, "%s imports %s, which is for tests", c.path, imported)
	case !ok:
		c.broken(11, spec, "%s imports %s, which stands on no floor: list it in internal/arch/floors.go", c.path, imported)
	case to == from || exceptions[from][to] != "":
		return
	case beneath > floor:
		c.broken(11, spec, "%s imports %s, which stands above it", c.path, imported)
	case beneath == floor:
		c.broken(11, spec, "%s imports %s, its neighbour on the same floor", c.path, imported)
	case slices.Contains(apart[from], to):
		c.broken(11, spec, "%s imports %s: declare the interface it stands on, node plugs them together", c.path, imported)
	}
}

// importBelow: laws 1 and 8.
func (c *checker) importBelow(spec *ast.ImportSpec) {
	b, banned := bannedBelow[path(spec)]
	if banned && !(path(spec) == "encoding/binary" && c.path == "internal/wire") {
		c.broken(b.law, spec, "import of %s: %s", path(spec), b.why)
	}
}

// importPure: laws 1, 5 and 10.
func (c *checker) importPure(spec *ast.ImportSpec) {
	if b, banned := bannedPure[path(spec)]; banned {
		c.broken(b.law, spec, "import of %s: %s", path(spec), b.why)
	}
}
