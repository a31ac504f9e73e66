package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/simnet"
)

func (c *command) simCheck() *cobra.Command {
	var jobs int
	check := &cobra.Command{
		Use: "check PATH…", Short: "Run all scenarios of folders, and say which fail",
		Long: `Run scenario files, and all *.toml of folders: a line for each. For the CI of your own network plan.
Exit code 9: a scenario is wrong; 10: an expectation was not met.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misused(cmd, missing([]string{"PATH"}))
			}
			return c.checkScenarios(args, jobs)
		},
	}
	check.Flags().IntVarP(&jobs, "jobs", "j", runtime.NumCPU(), "how many at once")
	return check
}

// A checked is one scenario of a check and what came of it.
type checked struct {
	File   string         `json:"file"`
	Error  string         `json:"error,omitempty"`
	Result *simnet.Result `json:"result"`
	err    error
	took   time.Duration
}

// A simChecks is what sim check prints with --json.
type simChecks struct {
	Schema    string     `json:"schema"`
	Failed    int        `json:"failed"`
	Scenarios []*checked `json:"scenarios"`
}

func (c *command) checkScenarios(paths []string, jobs int) error {
	files, err := scenarioFiles(paths)
	if err != nil {
		return err
	}
	all := simChecks{Schema: "caracal.sim-check/1"}
	done := make([]chan *checked, len(files))
	places := make(chan struct{}, max(1, jobs))
	for i, file := range files {
		done[i] = make(chan *checked, 1)
		go func() {
			places <- struct{}{}
			defer func() { <-places }()
			done[i] <- checkScenario(file)
		}()
	}
	var wrong error
	for i := range files {
		one := <-done[i]
		all.Scenarios = append(all.Scenarios, one)
		if one.err != nil {
			wrong = one.err
		}
		if one.err != nil || one.Result.Failed {
			all.Failed++
		}
		if !c.json {
			c.printf("%s", one.line())
		}
	}
	if c.json {
		if err := c.document(all); err != nil {
			return err
		}
	} else {
		c.printf("%d of %d as expected\n", len(files)-all.Failed, len(files))
	}
	return c.checkVerdict(all, wrong)
}

// checkVerdict is the exit code, and what to type next.
func (c *command) checkVerdict(all simChecks, wrong error) error {
	for _, one := range all.Scenarios {
		if one.err == nil && one.Result.Failed {
			c.say("look at it: caracal sim view %s\n", client.Printable(quoted(one.File)))
			break
		}
	}
	switch {
	case wrong != nil:
		return exit(client.BadConfig)
	case all.Failed > 0:
		return exit(client.FindingsMade)
	}
	return nil
}

// scenarioFiles finds the scenarios: files as they are, and *.toml of folders.
func scenarioFiles(paths []string) (files []string, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fail(client.Failed, "cannot read %s: %v", client.Printable(path), reason(err))
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		found, err := filepath.Glob(filepath.Join(path, "*.toml"))
		if err != nil || len(found) == 0 {
			return nil, fail(client.BadConfig, "there is no scenario (*.toml) in %s. Make one: caracal sim gen ring > %s",
				client.Printable(path), client.Printable(filepath.Join(path, "ring.toml")))
		}
		files = append(files, found...)
	}
	return files, nil
}

func checkScenario(file string) *checked {
	one := &checked{File: file}
	scenario, err := loadScenario(file)
	if err != nil {
		one.err, one.Error = err, firstLine(err.Error())
		return one
	}
	begun := time.Now()
	one.Result = simnet.RunScenario(scenario, simnet.RunOptions{})
	one.took = time.Since(begun)
	return one
}

// line is the scenario's line of the table, and one for each that failed.
func (one *checked) line() string {
	if one.err != nil {
		return fmt.Sprintf("✗ %s\n", client.Printable(one.Error))
	}
	r, mark, met := one.Result, "✓", 0
	var failed strings.Builder
	for _, f := range r.Expect {
		if f.OK {
			met++
			continue
		}
		fmt.Fprintf(&failed, "    %s", f.Text())
	}
	if r.Failed {
		mark = "✗"
	}
	return fmt.Sprintf("%s %-28s %5d nodes %8s in %6.2f s  %d of %d expectations\n%s", mark, client.Printable(r.Name), r.Nodes,
		simnet.Clock(r.Duration), one.took.Seconds(), met, len(r.Expect), failed.String())
}

// quoted is a file name as a shell needs it.
func quoted(file string) string {
	if strings.ContainsAny(file, " '\"$`\\!*?[](){}<>|&;#~\t\n") {
		return "'" + strings.ReplaceAll(file, "'", `'\''`) + "'"
	}
	return file
}

// replayCommand is what to type to have the same run again.
func replayCommand(file string, seed uint64) string {
	return fmt.Sprintf("caracal sim run %s --seed %d", quoted(file), seed)
}
