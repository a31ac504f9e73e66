package api

import (
	"reflect"
	"strings"
	"unicode"

	"github.com/caracal-mesh/caracal/host"
)

// counters gives the counters of all floors the names that documents have.
func counters(c host.Counters) map[string]map[string]uint64 {
	all := map[string]map[string]uint64{}
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		floor := map[string]uint64{}
		for j := range v.Field(i).NumField() {
			name := snake(v.Field(i).Type().Field(j).Name)
			switch f := v.Field(i).Field(j); {
			case f.CanUint():
				floor[name] = f.Uint()
			case f.CanInt():
				floor[name] = uint64(max(0, f.Int()))
			}
		}
		all[v.Type().Field(i).Tag.Get("json")] = floor
	}
	return all
}

// snake writes a Go name as documents do: "DropNoRoute" is drop_no_route.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || (i+1 < len(runes) && unicode.IsLower(runes[i+1]))) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
