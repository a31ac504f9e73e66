// Package overlay depends on the order of maps.
package overlay

import (
	"maps"
	"slices"
)

type table map[string]int

func order[M ~map[string]int](t table, m M, list []int) (keys []string) {
	for k := range t { // law 10
		keys = append(keys, k)
	}
	for range m { // law 10
	}
	for range list {
	}
	for k := range maps.Keys(t) { // law 10
		keys = append(keys, k)
	}
	keys = slices.Collect(maps.Keys(t)) // law 10
	for _, k := range slices.Sorted(maps.Keys(t)) {
		keys = append(keys, k)
	}
	return keys
}
