package simnet

import (
	"reflect"
	"strings"

	"github.com/caracal-mesh/caracal/internal/near"
)

// A lineIndex finds the line of a key in a scenario, because the decoder does
// not tell it. It reads only what such files contain: headers in [ ] or [[ ]] and
// keys at the beginning of a line.
type lineIndex []lineEntry

type lineEntry struct {
	table string
	index int    // among the tables of that name
	key   string // "" = the header itself
	line  int    // from 1
}

func indexLines(data []byte) lineIndex {
	var index lineIndex
	seen := map[string]int{}
	table := ""
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		entry := lineEntry{line: i + 1}
		if strings.HasPrefix(line, "[") {
			name, _, _ := strings.Cut(strings.TrimLeft(line, "["), "]")
			table = strings.TrimSpace(name)
			seen[table]++
		} else if key, _, found := strings.Cut(line, "="); found && !strings.HasPrefix(line, "#") {
			entry.key = strings.Trim(strings.TrimSpace(key), `"'`)
		} else {
			continue
		}
		entry.table, entry.index = table, seen[table]-1
		index = append(index, entry)
	}
	return index
}

// find is the line of a key in the i-th table of that name, or else of its header, or else 0.
func (x lineIndex) find(table string, i int, key string) (line int) {
	for _, e := range x {
		if e.table != table || e.index != i {
			continue
		}
		if e.key == key {
			return e.line
		}
		if e.key == "" {
			line = e.line
		}
	}
	return line
}

// first is the first line of a key in any table of that name, or of a table called so.
func (x lineIndex) first(table, key string) int {
	for _, e := range x {
		if (e.table == table && e.key == key) || (table == "" && e.table == key) {
			return e.line
		}
	}
	return 0
}

// tables are what a scenario may contain, by name; the one without a name is the scenario itself.
var tables = map[string]reflect.Type{
	"":         reflect.TypeFor[Scenario](),
	"sim":      reflect.TypeFor[SimTable](),
	"node":     reflect.TypeFor[NodeTable](),
	"lan":      reflect.TypeFor[LANTable](),
	"link":     reflect.TypeFor[LinkTable](),
	"mesh":     reflect.TypeFor[MeshTable](),
	"radio":    reflect.TypeFor[RadioTable](),
	"internet": reflect.TypeFor[InternetTable](),
	"nat":      reflect.TypeFor[NATTable](),
	"move":     reflect.TypeFor[MoveTable](),
	"at":       reflect.TypeFor[AtTable](),
	"traffic":  reflect.TypeFor[TrafficTable](),
	"expect":   reflect.TypeFor[ExpectTable](),
}

// keysOf lists the TOML keys of a table, in order.
func keysOf(table string) (keys []string) {
	t, ok := tables[table]
	if !ok {
		return nil
	}
	for _, f := range reflect.VisibleFields(t) {
		if key := f.Tag.Get("toml"); key != "" && key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}

// nearest is the known word most like the given one, "" when none is like it.
func nearest(word string, known []string) string { return near.Word(word, known, 1+len(word)/2) }
