package host

import (
	"slices"
	"testing"

	"github.com/caracal-mesh/caracal/sid"
)

func TestCountsAreKeptWhileTheWayIsTheSame(t *testing.T) {
	who := func(names ...byte) (way []TraceHop) {
		for _, name := range names {
			way = append(way, TraceHop{SID: sid.SID{name}})
		}
		return way
	}
	for name, c := range map[string]struct {
		now   []TraceHop
		whole bool
		sent  []int // by hop; each had 5, 6, 7
	}{
		"the same":                  {who(1, 2, 3), true, []int{5, 6, 7}},
		"followed in part":          {who(1, 2), false, []int{5, 6, 7}},
		"not at all":                {nil, false, []int{5, 6, 7}},
		"it is shorter now":         {who(1, 3), true, []int{5, 0}},
		"another, followed in part": {who(1, 9), false, []int{5, 0}},
		"longer":                    {who(1, 2, 3, 4), true, []int{5, 6, 7, 0}},
		"its end is nearer":         {who(1, 2), true, []int{5, 6}},
	} {
		before := keep(nil, who(1, 2, 3), true)
		for i := range before {
			before[i].Sent, before[i].Back = 5+i, 0.5
		}
		var sent []int
		for _, h := range keep(before, c.now, c.whole) {
			if sent = append(sent, h.Sent); h.Back != -1 {
				t.Errorf("%s: it tells what was told before", name)
			}
		}
		if !slices.Equal(sent, c.sent) {
			t.Errorf("%s: %d, want %d", name, sent, c.sent)
		}
	}
}
