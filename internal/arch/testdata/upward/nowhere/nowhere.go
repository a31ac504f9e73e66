// Package nowhere is on no floor.
package nowhere // law 11
