package metrics

import (
	"compress/gzip"
	"context"
	"io"
	"math"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/caracal-mesh/caracal/api/client"
)

// Prometheus's own library reads what we write, and would write each family just so.
func TestTheTextIsPrometheusOwn(t *testing.T) {
	families := Gather(t.Context(), node())
	odd := &Family{Name: "caracal_odd", Help: "Help with \\ and\nlines.", Type: "gauge", Labels: []string{"a", "b"}, Samples: []*Sample{
		{[]string{"", "back\\slash"}, math.Inf(1)}, {[]string{"\n\"", "ü"}, math.Inf(-1)}, {[]string{"x", "y"}, math.NaN()}, {[]string{"x", "z"}, 1e-9},
	}}
	names := map[string]bool{}
	for _, f := range append(families, odd) {
		text := string(f.AppendText(nil))
		parser := expfmt.NewTextParser(model.UTF8Validation)
		read, err := parser.TextToMetricFamilies(strings.NewReader(text))
		if err != nil || len(read) != 1 || read[f.Name] == nil || names[f.Name] {
			t.Fatalf("%v, or no family, or one again, in:\n%s", err, text)
		}
		names[f.Name] = true
		var again strings.Builder
		if _, err := expfmt.MetricFamilyToText(&again, read[f.Name]); err != nil || again.String() != text {
			t.Errorf("%v; written:\n%s\nPrometheus writes:\n%s", err, text, again.String())
		}
		if !slices.IsSorted(f.Labels) || !slices.IsSortedFunc(f.Samples, func(a, b *Sample) int { return slices.Compare(a.Labels, b.Labels) }) {
			t.Errorf("not sorted:\n%s", text)
		}
		series := map[string]bool{}
		for _, s := range f.Samples {
			key := strings.Join(s.Labels, "\x00")
			if series[key] {
				t.Errorf("%s has a series twice: %q", f.Name, s.Labels)
			}
			series[key] = true
		}
	}
	if len(names) != 20 {
		t.Errorf("%d families", len(names))
	}
}

func TestAnAnswerIsCompressedForWhoAsks(t *testing.T) {
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	Handler(node()).ServeHTTP(w, r)
	z, err := gzip.NewReader(w.Body)
	if err != nil || w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatal(err, w.Header())
	}
	data, err := io.ReadAll(z)
	if _, plain := get(t, node(), "/metrics"); err != nil || string(data) != plain {
		t.Errorf("%v; compressed:\n%s\nplain:\n%s", err, data, plain)
	}
}

// A slow node answers when it may.
type slow struct {
	*fake
	asked, may chan struct{}
}

func (s slow) Status(ctx context.Context) (client.Status, error) {
	s.asked <- struct{}{}
	<-s.may
	return s.fake.Status(ctx)
}

func TestOnlySoManyAskAtOnce(t *testing.T) {
	n := slow{node(), make(chan struct{}), make(chan struct{})}
	h := Handler(n)
	codes := make(chan int)
	ask := func() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		codes <- w.Code
	}
	for range maxScrapes {
		go ask()
		<-n.asked
	}
	go ask()
	if code := <-codes; code != 503 {
		t.Errorf("one too many: %d", code)
	}
	close(n.may)
	for range maxScrapes {
		if code := <-codes; code != 200 {
			t.Errorf("one that was let in: %d", code)
		}
	}
	go ask()
	<-n.asked
	if code := <-codes; code != 200 {
		t.Errorf("afterwards: %d", code)
	}
}
