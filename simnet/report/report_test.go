package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/caracal-mesh/caracal/simnet"
)

// record runs a scenario of the given shape.
func record(t *testing.T, text string) *simnet.Recording {
	t.Helper()
	s, err := simnet.ParseScenario("x.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var r simnet.Recording
	simnet.RunScenario(s, simnet.RunOptions{Recording: &r})
	return &r
}

const hall = "[sim]\nname = \"</script><b>&\"\nduration = \"5s\"\n[[lan]]\nname = \"hall\"\nnodes = 5\n[[link]]\nbetween = [\"hall-1\", \"hall-2\"]\n"

// TestPageIsWhole: nothing is fetched, nothing in the data ends the script, and
// nothing was left to fill in.
func TestPageIsWhole(t *testing.T) {
	page := HTML(record(t, hall))
	for _, pattern := range []string{`<link`, `src=`, `@import`, `url\(`, `fetch\(`, `\{\{`, `</script><b>`} {
		if found := regexp.MustCompile(pattern).Find(page); found != nil {
			t.Errorf("the page has %s", found)
		}
	}
	for _, address := range regexp.MustCompile(`https?://[^"' ]*`).FindAllString(string(page), -1) {
		if address != "http://www.w3.org/2000/svg" {
			t.Errorf("the page names %s", address)
		}
	}
	if n := bytes.Count(page, []byte("</script>")); n != 2 {
		t.Errorf("%d scripts end, want 2", n)
	}
	alone := HTML(record(t, "[sim]\nduration = \"2s\"\n[[node]]\nname = \"alone\"\n"))
	for _, list := range []string{"hubs", "spots", "ways", "moments", "nodes", "links", "frames", "expect", "heals"} {
		if bytes.Contains(alone, []byte(`"`+list+`":null`)) {
			t.Errorf("the page's %s are null", list)
		}
	}
	if again := HTML(record(t, hall)); !bytes.Equal(page, again) {
		t.Error("the same run gave another page")
	}
}

func TestSVGIsXML(t *testing.T) {
	for _, text := range []string{hall, "[[radio]]\nname = \"r\"\nnodes = 4\nplace = \"ring\"\nspacing = 100\nrange = 150\nrate = \"1Mbit\"\n"} {
		picture := SVG(record(t, text))
		d, circles := xml.NewDecoder(bytes.NewReader(picture)), strings.Count(string(picture), "<circle")
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v in\n%s", err, picture)
			}
		}
		if circles < 4 || !bytes.Contains(picture, []byte("<line")) {
			t.Errorf("a picture of %d nodes:\n%s", circles, picture)
		}
	}
}

// TestDistancesFollowHops: in a drawing of a grid whoever is farther in hops is
// mostly farther on paper.
func TestDistancesFollowHops(t *testing.T) {
	r := &simnet.Recording{}
	for i := range 25 {
		r.Nodes = append(r.Nodes, simnet.RecordNode{Name: fmt.Sprint(i)})
		if i%5 > 0 {
			r.Links = append(r.Links, simnet.RecordLink{Nodes: []int{i - 1, i}})
		}
		if i > 4 {
			r.Links = append(r.Links, simnet.RecordLink{Nodes: []int{i - 5, i}})
		}
	}
	spots, _ := layout(r)
	g := graphOf(r)
	worst := 0.0
	for i, row := range g.hops() {
		for j, want := range row {
			if i != j {
				is := math.Hypot(spots[i].X-spots[j].X, spots[i].Y-spots[j].Y)
				worst = max(worst, math.Abs(is-float64(want))/float64(want))
			}
		}
	}
	if worst > 0.55 { // the diagonal of a square is 0.29 off by itself
		t.Errorf("a distance is %.0f %% off", 100*worst)
	}
}
