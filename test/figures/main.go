// Command figures measures what docs/performance.md says of routes and docs/scale.md of the table, in virtual time, and writes it
// there: make figures. The same seeds give the same figures on every machine.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/simnet"
)

var (
	seeds  = flag.Int("seeds", 20, "of small scenarios, each run so often")
	tables = flag.String("tables", "", "sizes of tables to measure anew, such as 1000,10000,100000 (minutes each); the others are kept")
	only   = flag.String("only", "", "measure only the lines that contain this; the others are kept")
	long   = flag.Bool("long", false, "also those that take minutes; else they are kept")
)

// The markers between which the figures stand in a document.
const (
	begin = "<!-- made by make figures -->\n"
	end   = "<!-- end of what make figures made -->\n"
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	results, err := loadTables("docs/scale/tables.json", *tables)
	if err != nil {
		log.Fatal(err)
	}
	if err := writePlots("docs/scale", results); err != nil {
		log.Fatal(err)
	}
	replace("docs/scale.md", tableOf(results))
	old := block("docs/performance.md")
	var b strings.Builder
	b.WriteString("| what | scenario | Caracal | others |\n|---|---|---|---|\n")
	for _, f := range figures {
		got := ""
		if (f.long && !*long) || !strings.Contains(f.what, *only) {
			got = kept(old, f.what, f.file)
		}
		if got == "" {
			started := time.Now()
			got = f.measure(f)
			log.Printf("%s (%s): %s, in %.0f s", f.what, f.file, got, time.Since(started).Seconds())
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.what, f.file, got, f.others)
	}
	replace("docs/performance.md", b.String())
}

// block is what stands between the markers.
func block(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	_, rest, found := bytes.Cut(data, []byte(begin))
	inside, _, closed := bytes.Cut(rest, []byte(end))
	if !found || !closed {
		log.Fatalf("%s has no place for figures: %s…%s", file, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return string(inside)
}

func replace(file, text string) {
	data, _ := os.ReadFile(file)
	old := begin + block(file) + end
	data = bytes.Replace(data, []byte(old), []byte(begin+text+end), 1)
	if err := os.WriteFile(file, data, 0o644); err != nil {
		log.Fatal(err)
	}
}

// kept is the figure that stands in the table already.
func kept(old, what, file string) string {
	for _, line := range strings.Split(old, "\n") {
		if cells := strings.Split(line, " | "); len(cells) == 4 && cells[0] == "| "+what && cells[1] == file {
			return cells[2]
		}
	}
	return ""
}

// run runs an example with a seed.
func run(file string, seed uint64) *simnet.Result {
	s, err := simnet.LoadScenario(os.DirFS("examples/sim"), file)
	if err != nil {
		log.Fatal(err)
	}
	return simnet.RunScenario(s, simnet.RunOptions{Seed: &seed})
}
