package share

import "testing"

func TestSizesAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "500": 500, "500B": 500, "20GB": 20e9, " 1.5 mb ": 1.5e6, "2k": 2000, "3 TB": 3e12} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "B", "-1", "x", "1XB", "NaN", "Inf", "9e99", "GB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
	if got := Size(1234567); got != "1.2 MB" {
		t.Errorf("Size: %q", got)
	}
}
