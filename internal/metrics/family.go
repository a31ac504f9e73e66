package metrics

import (
	"cmp"
	"slices"
	"strings"
)

// A Family is a metric with all its values, as Prometheus names it.
type Family struct {
	Name    string
	Help    string
	Type    string    // counter, gauge
	Labels  []string  // their names, sorted
	Samples []*Sample // sorted by the values of their labels, no two with the same ones
}

// A Sample is a value, with the values of its family's labels in their order.
type Sample struct {
	Labels []string
	Value  float64
}

func gauge(name, help string, labels ...string) *Family { return describe("gauge", name, help, labels) }

func counter(name, help string, labels ...string) *Family {
	return describe("counter", name, help, labels)
}

// describe is a metric without values; its labels are in the order of who tells them.
func describe(kind, name, help string, labels []string) *Family {
	return &Family{Name: "caracal_" + name, Help: help, Type: kind, Labels: labels}
}

// An out collects what is told of a node in one look at it.
type out map[*Family][]*Sample

// tell adds a value, with the values of the labels in the order in which they were described.
func (o out) tell(what *Family, value float64, labels ...string) {
	if len(labels) != len(what.Labels) {
		panic("BUG: " + what.Name + " has the labels " + strings.Join(what.Labels, ", "))
	}
	o[what] = append(o[what], &Sample{Labels: labels, Value: value})
}

// families are those of which something was told, all sorted.
func (o out) families() []*Family {
	list := make([]*Family, 0, len(o))
	for what, samples := range o {
		f := *what
		f.Samples = samples
		f.sort()
		list = append(list, &f)
	}
	slices.SortFunc(list, func(a, b *Family) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// sort brings labels into the order of their names, and samples into that of the values.
func (f *Family) sort() {
	order := make([]int, len(f.Labels))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(f.Labels[a], f.Labels[b]) })
	f.Labels = picked(f.Labels, order)
	for _, s := range f.Samples {
		s.Labels = picked(s.Labels, order)
	}
	slices.SortFunc(f.Samples, func(a, b *Sample) int { return slices.Compare(a.Labels, b.Labels) })
}

func picked(list []string, order []int) []string {
	sorted := make([]string, len(order))
	for i, from := range order {
		sorted[i] = list[from]
	}
	return sorted
}
