package near

import "testing"

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abc", "abd", 1},
		{"abc", "ac", 1},
		{"ac", "abc", 1},
		{"kitten", "sitting", 3},
		{"flaw", "lawn", 2},
		{"intention", "execution", 5},
		{"ab", "ba", 2},
	} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestWordIsTheNearestBelowTheBound(t *testing.T) {
	list := []string{"lemon", "melon", "copper"}
	for _, c := range []struct {
		typed string
		below int
		want  string
	}{
		{"lemmon", 3, "lemon"},
		{"mellon", 3, "melon"},
		{"coper", 2, "copper"},
		{"coper", 1, ""},
		{"walrus", 3, ""},
		{"lelon", 3, "lemon"}, // the first of two that are as near
	} {
		if got := Word(c.typed, list, c.below); got != c.want {
			t.Errorf("Word(%q, below %d) = %q, want %q", c.typed, c.below, got, c.want)
		}
	}
}
