package main

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/simnet"
	"github.com/caracal-mesh/caracal/simnet/report"
)

func (c *command) sim() *cobra.Command {
	cmd := &cobra.Command{
		Use: "sim", Short: "Simulate a mesh: plan it, check the plan, look at it",
		Long: `Simulate a mesh from a scenario file: nodes, links and radios, what happens, and what you expect.
The nodes run the very code of this program, in virtual time; the same seed gives the same run.

  caracal sim gen ring -n 8 > ring.toml      write a scenario to start from
  caracal sim run ring.toml                  run it
  caracal sim view ring.toml                 run it and look at it in the browser
  caracal sim check plans/                   run all scenarios of a folder, for CI

The keys of scenarios: docs/simnet.md. Examples: examples/sim.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noVerb(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(c.simRun(), c.simCheck(), c.simGen(), c.simView())
	return cmd
}

// A simulation is what the flags of sim run ask for.
type simulation struct {
	seed                               uint64
	transcript, pcap, report, svg, rec string
	options                            simnet.RunOptions
	took                               time.Duration
}

func (c *command) simRun() *cobra.Command {
	var s simulation
	run := &cobra.Command{
		Use: "run FILE", Short: "Run a scenario", Args: exactly(1),
		Long: "Run a scenario and say what was measured. Exit code 9: the scenario is wrong; 10: an expectation was not met.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("seed") {
				s.options.Seed = &s.seed
			}
			return c.runScenario(&s, args[0])
		},
	}
	flags := run.Flags()
	flags.Uint64Var(&s.seed, "seed", 0, "instead of the scenario's seed")
	flags.StringVar(&s.report, "report", "", "write a page to look at to this file (HTML)")
	flags.StringVar(&s.svg, "svg", "", "write a picture of the topology to this file")
	flags.StringVar(&s.pcap, "pcap", "", "write all packets to this file, for Wireshark (pcapng)")
	flags.StringVar(&s.transcript, "transcript", "", "write every event to this file, as text")
	flags.StringVar(&s.rec, "record", "", "write the recording that reports are drawn from to this file (JSON)")
	return run
}

// runScenario runs a scenario and writes what was asked for.
func (c *command) runScenario(s *simulation, file string) error {
	scenario, err := loadScenario(file)
	if err != nil {
		return err
	}
	var files []io.Closer
	for _, out := range []struct {
		name string
		to   *io.Writer
	}{{s.transcript, &s.options.Transcript}, {s.pcap, &s.options.Pcap}} {
		if out.name == "" {
			continue
		}
		f, err := create(out.name)
		if err != nil {
			return err
		}
		*out.to = f
		files = append(files, f)
	}
	if s.report != "" || s.svg != "" || s.rec != "" {
		s.options.Recording = &simnet.Recording{}
	}
	begun := time.Now()
	result := simnet.RunScenario(scenario, s.options)
	s.took = time.Since(begun)
	for _, f := range files {
		if err := f.Close(); err != nil {
			return fail(client.Failed, "cannot write all of it: %v", reason(err))
		}
	}
	if err := c.writeDrawings(s, file); err != nil {
		return err
	}
	return c.tellResult(s, file, result)
}

// loadScenario reads a scenario and what it names.
func loadScenario(file string) (*simnet.Scenario, error) {
	scenario, err := simnet.LoadScenario(os.DirFS(filepath.Dir(file)), filepath.Base(file))
	var wrong *simnet.ScenarioError
	switch {
	case errors.As(err, &wrong):
		wrong.File = file
		return nil, fail(client.BadConfig, "%v\nWhat a scenario may contain: docs/simnet.md. One to start from: caracal sim gen ring", client.Printable(wrong.Error()))
	case err != nil:
		return nil, fail(client.Failed, "cannot read the scenario %s: %v", client.Printable(file), reason(err))
	}
	return scenario, nil
}

// reason is an error without the operation and the file.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// A buffered file is flushed when it is closed.
type buffered struct {
	*bufio.Writer
	file *os.File
}

func create(name string) (*buffered, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, fail(client.Failed, "cannot write %s: %v", client.Printable(name), reason(err))
	}
	return &buffered{bufio.NewWriterSize(f, 1<<16), f}, nil
}

func (b *buffered) Close() error { return errors.Join(b.Flush(), b.file.Close()) }

// writeDrawings writes what is drawn from the recording.
func (c *command) writeDrawings(s *simulation, file string) error {
	recording := s.options.Recording
	if recording == nil {
		return nil
	}
	recording.Replay = replayCommand(file, recording.Result.Seed)
	for _, out := range []struct {
		name string
		make func(*simnet.Recording) []byte
	}{{s.report, report.HTML}, {s.svg, report.SVG}, {s.rec, report.JSON}} {
		if out.name == "" {
			continue
		}
		if err := os.WriteFile(out.name, out.make(recording), 0o644); err != nil {
			return fail(client.Failed, "cannot write %s: %v", client.Printable(out.name), reason(err))
		}
	}
	return nil
}

// tellResult prints the result and what was written.
func (c *command) tellResult(s *simulation, file string, result *simnet.Result) (err error) {
	if c.json {
		err = c.document(result)
	} else {
		c.printf("%s", printableLines(result.Text(s.took)))
		var wrote []string
		for _, name := range []string{s.report, s.svg, s.pcap, s.transcript, s.rec} {
			if name != "" {
				wrote = append(wrote, client.Printable(name))
			}
		}
		if len(wrote) > 0 {
			c.say("wrote %s\n", strings.Join(wrote, ", "))
		}
		c.say("same run again: %s\n", client.Printable(replayCommand(file, result.Seed)))
	}
	if err == nil && result.Failed {
		return exit(client.FindingsMade)
	}
	return err
}

// printableLines makes each line printable.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = client.Printable(line)
	}
	return strings.Join(lines, "\n")
}
