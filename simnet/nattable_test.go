package simnet

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The table of what comes of two NATs: upon agents alone, 1,000 trials a cell with -nat-trials 1000 (make nat-matrix), whose table is
// testdata/natmatrix.golden; a default run makes the first few of the same trials, testdata/natmatrix-few.golden.
const (
	fewTrials  = 8
	fullTrials = 1000
)

// What a cell must be: direct within 600 ms; by prediction, or else search; by search within 12 s; on the relay.
var natBars = map[string]time.Duration{"D": 600 * time.Millisecond, "D*": 12 * time.Second, "B": 12 * time.Second, "R": 0}

// expected is what the pair must come to (routing-nat-security.md §2.4).
func expected(a, b natKind) string {
	hard := func(k natKind) bool { return !k.open && k.cfg.Mapping != OnNothing }
	strict := func(k natKind) bool {
		return !k.open && (k.cfg.Conntrack || k.cfg.Filtering == OnAddressAndPort)
	}
	switch {
	case a.cfg.Blocked || b.cfg.Blocked || (hard(a) && hard(b)):
		return "R"
	case (hard(a) && strict(b)) || (hard(b) && strict(a)):
		if a.cfg.Ports == NextPort || b.cfg.Ports == NextPort {
			return "D*"
		}
		return "B"
	}
	return "D"
}

// A natTally is how the trials of a cell went, at one loss.
type natTally []outcome

// within counts those direct by then.
func (y natTally) within(d time.Duration) (n int) {
	for _, o := range y {
		if o.took > 0 && o.took <= d {
			n++
		}
	}
	return n
}

// at is the time by which a share of all trials were direct, in milliseconds; "–": they never were.
func (y natTally) at(share float64) string {
	times := make([]time.Duration, 0, len(y))
	for _, o := range y {
		if o.took > 0 {
			times = append(times, o.took)
		}
	}
	slices.Sort(times)
	i := int(math.Ceil(share*float64(len(y)))) - 1
	if i >= len(times) {
		return "–"
	}
	return fmt.Sprint(times[i].Milliseconds())
}

func (y natTally) first() (n int) {
	for _, o := range y {
		if o.took > 0 && o.first {
			n++
		}
	}
	return n
}

// A natCell is a pair of kinds and how its trials went: at no loss, and at 5 %.
type natCell struct {
	a, b  natKind
	want  string
	tally [2]natTally
}

// tryAgents makes one trial upon agents.
func tryAgents(seed uint64, kinds [2]natKind, loss float64, limit time.Duration) (o outcome) {
	w, agents := newAgents(seed, kinds, loss)
	a, b := agents[w.a], agents[w.b]
	w.Run(4 * time.Second) // until they know their NATs
	began := w.Now()
	a.agent.Want(began, agentSIDs[b.number], true)
	w.a.Wake()
	if w.RunUntil(func() bool { return a.direct(b) && b.direct(a) }, limit) {
		o.took = w.Now().Sub(began)
		o.first = a.agent.Stats().FirstRound == 1
	}
	return o
}

// natTable makes the trials of all cells, on all processors.
func natTable(trials int) []*natCell {
	var cells []*natCell
	for i, a := range natKinds {
		for _, b := range natKinds[i:] {
			c := &natCell{a: a, b: b, want: expected(a, b)}
			c.tally[0], c.tally[1] = make(natTally, trials), make(natTally, trials)
			cells = append(cells, c)
		}
	}
	var next atomic.Int64
	var done sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		done.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= 2*trials*len(cells) {
					return
				}
				c, lossy, seed := cells[n/(2*trials)], n%2, n/2%trials
				limit := 20 * time.Second
				if c.want == "R" {
					limit = 5 * time.Second
				}
				c.tally[lossy][seed] = tryAgents(uint64(seed), [2]natKind{c.a, c.b}, 0.05*float64(lossy), limit)
			}
		})
	}
	done.Wait()
	return cells
}

// printTable writes the table for people, from the first so many trials of each cell.
func printTable(cells []*natCell, trials int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d trials a cell and loss. D: direct within 600 ms, B: by search within 12 s, D*: by prediction or search, R: on the relay.\n", trials)
	fmt.Fprintf(&b, "%-26s      no loss: direct  first  p50 ms  p95 ms   5 %% loss: direct  first  p50 ms  p95 ms\n", "")
	for _, c := range cells {
		fmt.Fprintf(&b, "%-26s %-3s", c.a.name+" – "+c.b.name, c.want)
		for _, y := range c.tally {
			y = y[:trials]
			fmt.Fprintf(&b, "%16d %6d %7s %7s  ", y.within(time.Hour), y.first(), y.at(0.5), y.at(0.95))
		}
		b.WriteByte('\n')
	}
	direct, first := mixOf(cells, trials)
	fmt.Fprintf(&b, "over the mix: %.1f %% direct, of these %.1f %% at the first attempt\n", 100*direct, 100*first)
	return strings.ReplaceAll(b.String(), "  \n", "\n")
}

// natMix is whose routers there are, in parts of 1,000: 60 % filter by address and port, 15 % less, 15 % map by address and port, of the
// other 10 % half have none, a quarter map by address, and a quarter let no UDP through (routing-nat-security.md §2.4 names the first four).
var natMix = map[string]float64{
	"EIM/APDF": 300, "masquerade": 300, "EIM/EIF": 75, "EIM/ADF": 75, "APDM count": 75, "APDM random": 75,
	"public": 50, "ADM/APDF": 25, "blocked": 25,
}

// mixOf is the share of pairs drawn from the mix that become direct, at both losses, and that of these which do so in the first round.
func mixOf(cells []*natCell, trials int) (direct, first float64) {
	for _, c := range cells {
		weight := natMix[c.a.name] * natMix[c.b.name] / 1e6
		if c.a.name != c.b.name {
			weight *= 2
		}
		for _, y := range c.tally {
			direct += weight * float64(y[:trials].within(time.Hour)) / float64(2*trials)
			first += weight * float64(y[:trials].first()) / float64(2*trials)
		}
	}
	return direct, first / direct
}

// judge compares a cell with its bar. Few trials may miss it by chance a little more often.
func (c *natCell) judge(t *testing.T, trials int) {
	for i, y := range c.tally {
		slack := 0
		if trials < fullTrials {
			slack = int(math.Ceil(3 * math.Sqrt(float64(trials)*0.05*0.95)))
		}
		in := y.within(natBars[c.want])
		switch {
		case c.want == "R" && c.a.cfg.Ports == NextPort && c.b.cfg.Ports == NextPort: // a bonus if they meet
		case c.want == "R" && y.within(time.Hour) > 0:
			t.Errorf("%s – %s, loss %d %%: %d became direct, which nobody expects: is the NAT right?", c.a.name, c.b.name, 5*i, y.within(time.Hour))
		case c.want != "R" && trials-in > trials/20+slack:
			t.Errorf("%s – %s, loss %d %%: %d of %d within %v, want 95 %%", c.a.name, c.b.name, 5*i, in, trials, natBars[c.want])
		case c.want == "D*" && y.first() < trials*4/5-slack:
			t.Errorf("%s – %s, loss %d %%: %d of %d by prediction, want 80 %%", c.a.name, c.b.name, 5*i, y.first(), trials)
		}
	}
}

func TestNATMatrix(t *testing.T) { // spec N2 to N4
	t.Parallel()
	trials := max(*natTrials, fewTrials)
	if trials > fewTrials {
		defer debug.SetGCPercent(debug.SetGCPercent(800))
	}
	cells := natTable(trials)
	for _, c := range cells {
		c.judge(t, trials)
	}
	if direct, first := mixOf(cells, trials); direct < 0.90 || first < 0.97 {
		t.Errorf("over the mix %.3f are direct, of these %.3f at the first attempt, want 0.90 and 0.97", direct, first)
	}
	goldenFile(t, "testdata/natmatrix-few.golden", printTable(cells, fewTrials))
	if trials == fullTrials {
		goldenFile(t, "testdata/natmatrix.golden", printTable(cells, fullTrials))
	}
	if trials > fewTrials {
		t.Log("\n" + printTable(cells, trials))
	}
}

// goldenFile compares a text with a file, or writes it with -rewrite.
func goldenFile(t *testing.T, file, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is\n%swas\n%sif that is meant: make nat-matrix REWRITE=1", file, got, want)
	}
}
