package simnet

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestStories: a story is a scenario, dashes, and what happened, told so roughly
// that only what matters changes it. After a change on purpose read the difference:
// go test ./simnet -run Stories -rewrite
func TestStories(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/stories/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			plan, want, _ := strings.Cut(string(data), "----\n")
			s, err := ParseScenario(filepath.Base(file), []byte(plan))
			if err != nil {
				t.Fatal(err)
			}
			got := tell(s)
			if *rewrite {
				if err := os.WriteFile(file, []byte(plan+"----\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Errorf("it went\n%s\nand not\n%s", got, want)
			}
		})
	}
}

// A teller tells how a run went.
type teller struct {
	strings.Builder
	run *run
}

// tell runs the scenario and tells how it went.
func tell(s *Scenario) string {
	var rec Recording
	r := runScenario(s, RunOptions{Recording: &rec})
	st := teller{run: r}
	if r.result.RoutesComplete != nil {
		st.say(0, "Everybody has a way to everybody %s.", within(*r.result.RoutesComplete))
	} else {
		st.say(0, "Not everybody ever has a way to everybody.")
	}
	for i, h := range r.result.Heals {
		st.say(h.At, "%s.%s", happening(h.What), healing(h))
		until := s.Sim.Duration.seconds()
		if i+1 < len(r.result.Heals) {
			until = r.result.Heals[i+1].At
		}
		st.neighbours(&rec, h.At, until)
	}
	for _, f := range r.flows {
		st.say(s.Sim.Duration.seconds(), "%s", r.fate(f))
	}
	for _, f := range r.flows {
		st.WriteString(r.way(f))
	}
	return st.String()
}

func (d Duration) seconds() float64 { return time.Duration(d).Seconds() }

func (st *teller) say(at float64, format string, args ...any) {
	fmt.Fprintf(st, "%5s  %s\n", Clock(at), fmt.Sprintf(format, args...))
}

// neighbours tells who lost and found whom meanwhile.
func (st *teller) neighbours(rec *Recording, from, until float64) {
	for _, kind := range []string{"neighbour-down", "neighbour-up"} {
		var lines []string
		for _, m := range rec.Moments {
			who, _, _ := strings.Cut(m.Text, ":")
			if m.Kind != kind || m.At < from || m.At >= until || who == "" {
				continue
			}
			verb := "loses sight of"
			if kind == "neighbour-up" {
				verb = "meets"
			}
			line := fmt.Sprintf("         %s %s %s", m.Node, verb, who)
			if again := slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, line+" ") }); !again {
				lines = append(lines, fmt.Sprintf("%s %s.\n", line, within(m.At-from)))
			}
		}
		slices.Sort(lines)
		st.WriteString(strings.Join(lines, ""))
	}
}

// within says roughly how long it took.
func within(s float64) string {
	for _, bound := range []struct {
		s    float64
		text string
	}{{1, "at once"}, {3, "within three seconds"}, {10, "within ten seconds"}, {30, "within half a minute"}} {
		if s <= bound.s {
			return bound.text
		}
	}
	return "after a long while"
}

func healing(h Heal) string {
	if h.After == nil {
		return " Not all ways are found again."
	}
	return fmt.Sprintf(" All ways there can be are found %s.", within(*h.After))
}

// happening is what the script did, as a sentence without its end.
func happening(what string) string {
	verb, target, _ := strings.Cut(what, " ")
	target, from, oneWay := strings.Cut(target, " from ")
	text := map[string]string{
		"down": "The link @ is cut", "up": "The link @ is mended", "change": "The link @ changes", "kill": "@ dies", "start": "@ starts",
		"restart": "@ restarts", "replace": "@ gets a new disk", "pause": "@ falls asleep", "resume": "@ wakes up",
		"partition": "The world is partitioned", "heal": "The partition ends",
		"unplug": "The cable of @ is pulled", "plug": "The cable of @ is plugged in",
	}[verb]
	text = strings.ReplaceAll(text, "@", target)
	if oneWay {
		text += " at " + from
	}
	return text
}

// fate tells what came of the traffic.
func (r *run) fate(f *flow) string {
	who := f.from.name + " to " + f.to.name
	if f.table.Stream > 0 {
		if f.stream.finished > 0 && f.stream.err == nil {
			return fmt.Sprintf("The file of %s from %s arrived whole.", siBytes(uint64(f.table.Stream)), who)
		}
		return fmt.Sprintf("The file of %s from %s did not arrive whole.", siBytes(uint64(f.table.Stream)), who)
	}
	what := "datagrams"
	switch {
	case f.table.Ping > 0:
		what = "pings"
	case f.table.Voice > 0:
		what = "voice packets"
	case f.table.Request > 0:
		what = "requests"
	}
	return fmt.Sprintf("Of %d %s from %s %s.", f.delivery.Sent, what, who, roughly(f.delivery.share()))
}

// roughly says how many.
func roughly(share *float64) string {
	switch {
	case share == nil:
		return "there is nothing to say"
	case *share == 1:
		return "all arrived"
	case *share >= 0.95:
		return "nearly all arrived"
	case *share >= 0.75:
		return "most arrived"
	case *share >= 0.25:
		return "about half arrived"
	case *share > 0.02:
		return "few arrived"
	case *share > 0:
		return "next to none arrived"
	}
	return "none arrived"
}

// way tells how the traffic goes in the end.
func (r *run) way(f *flow) string {
	if !f.from.hears() {
		return fmt.Sprintf("In the end %s does not run.\n", f.from.name)
	}
	hop, err := f.from.Node().Mesh().NextHop(f.dst)
	if err != nil {
		return fmt.Sprintf("In the end %s has no way to %s.\n", f.from.name, f.to.name)
	}
	if hop.Hops == 1 {
		return fmt.Sprintf("In the end %s reaches %s directly.\n", f.from.name, f.to.name)
	}
	for _, h := range r.world.hosts {
		if h.hears() && h.SID() == hop.SID {
			return fmt.Sprintf("In the end %s reaches %s in %d hops, first %s.\n", f.from.name, f.to.name, hop.Hops, h.name)
		}
	}
	return ""
}
