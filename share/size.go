package share

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size writes a number of bytes for people: SI units, one decimal.
func Size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n)/1000, 0
	for v >= 999.95 && unit < 5 {
		v, unit = v/1000, unit+1
	}
	return fmt.Sprintf("%.1f %cB", v, "kMGTPE"[unit])
}

var errSize = errors.New("share: not a size")

// ParseSize reads a number of bytes as people write it: "20GB", "1.5 MB", "500". Units are SI, in either case; at most 2⁶² bytes.
func ParseSize(text string) (int64, error) {
	text = strings.TrimSuffix(strings.ToUpper(strings.TrimSpace(text)), "B")
	factor := 1.0
	if n := len(text); n > 0 {
		if i := strings.IndexByte("KMGTPE", text[n-1]); i >= 0 {
			factor = math.Pow10(3 * (i + 1))
			text = text[:n-1]
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(v >= 0) || v*factor > 1<<62 {
		return 0, errSize
	}
	return int64(v * factor), nil
}
