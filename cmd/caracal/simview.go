package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/simnet"
	"github.com/caracal-mesh/caracal/simnet/report"
)

func (c *command) simView() *cobra.Command {
	var s simulation
	var noBrowser bool
	view := &cobra.Command{
		Use: "view FILE", Short: "Look at a run in the browser", Args: exactly(1),
		Long: "Run a scenario (or take a recording of sim run --record), write its report, and open it in the browser.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("seed") {
				s.options.Seed = &s.seed
			}
			return c.viewScenario(&s, args[0], noBrowser)
		},
	}
	view.Flags().Uint64Var(&s.seed, "seed", 0, "instead of the scenario's seed")
	view.Flags().StringVar(&s.report, "report", "", "where to write the report (default: a temporary file)")
	view.Flags().BoolVar(&noBrowser, "no-browser", false, "only write the report and print its name")
	return view
}

func (c *command) viewScenario(s *simulation, file string, noBrowser bool) (err error) {
	if s.report == "" {
		dir, err := os.MkdirTemp("", "caracal-sim-")
		if err != nil {
			return fail(client.Failed, "cannot make a folder for the report: %v", reason(err))
		}
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		s.report = filepath.Join(dir, name+".html")
	}
	if strings.HasSuffix(file, ".json") {
		err = c.drawRecording(s, file)
	} else {
		err = c.runScenario(s, file)
	}
	if _, missing := os.Stat(s.report); missing != nil {
		return err
	}
	if noBrowser || !browse(s.report) {
		c.say("look at it in a browser: %s\n", client.Printable(s.report))
	}
	return err
}

// drawRecording writes the report of a recording.
func (c *command) drawRecording(s *simulation, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fail(client.Failed, "cannot read %s: %v", client.Printable(file), reason(err))
	}
	var recording simnet.Recording
	if err := json.Unmarshal(data, &recording); err != nil || recording.Schema != simnet.RecordingSchema || recording.Check() != nil {
		return fail(client.BadConfig, "%s is not a recording. Make one: caracal sim run FILE --record %s", client.Printable(file), client.Printable(file))
	}
	if err := os.WriteFile(s.report, report.HTML(&recording), 0o644); err != nil {
		return fail(client.Failed, "cannot write %s: %v", client.Printable(s.report), reason(err))
	}
	return nil
}

// browse opens a file in the user's browser. It reports whether there is one.
func browse(file string) bool {
	opener := []string{"xdg-open"}
	switch runtime.GOOS {
	case "darwin":
		opener = []string{"open"}
	case "windows":
		opener = []string{"rundll32", "url.dll,FileProtocolHandler"}
	default:
		if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
			return false
		}
	}
	return exec.Command(opener[0], append(opener[1:], file)...).Start() == nil
}
