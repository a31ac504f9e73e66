package simnet

import (
	"math"
	"math/bits"
)

// A Length is a distance in millimetres. Whole numbers, so that every machine
// finds the same hosts in range.
type Length int64

// Units of length.
const (
	Metre     Length = 1000
	Kilometre        = 1000 * Metre
)

// maxLength bounds coordinates, so that squares fit.
const maxLength = 1000 * Kilometre

// A Place is where a host is, on a plane.
type Place struct{ X, Y Length }

// Place is where the host is now.
func (h *Host) Place() Place { return h.place }

// Placed reports whether somebody said where the host is.
func (h *Host) Placed() bool { return h.placed }

// MoveTo puts the host somewhere else, at once. What lies more than 1,000 km from
// the origin is put at the edge.
func (h *Host) MoveTo(p Place) {
	clip := func(v Length) Length { return max(-maxLength, min(maxLength, v)) }
	h.place, h.placed = Place{clip(p.X), clip(p.Y)}, true
	for _, port := range h.ports {
		if port.link.air != nil {
			port.link.air.moves++
		}
	}
}

// squared is the square of the distance between two places, in mm².
func squared(a, b Place) uint64 {
	dx, dy := int64(a.X-b.X), int64(a.Y-b.Y)
	return uint64(dx*dx) + uint64(dy*dy)
}

// distance between two places, rounded down.
func distance(a, b Place) Length { return Length(root(squared(a, b))) }

// root is the square root, rounded down: the floating one put right by at most one.
func root(n uint64) uint64 {
	r := min(uint64(math.Sqrt(float64(n))), 1<<32-1)
	for r*r > n {
		r--
	}
	for hi, lo := bits.Mul64(r+1, r+1); hi == 0 && lo <= n; hi, lo = bits.Mul64(r+1, r+1) {
		r++
	}
	return r
}
