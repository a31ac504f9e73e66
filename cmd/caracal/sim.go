package main

import (
	"bufio"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/simnet"
)

func (c *command) sim() *cobra.Command {
	cmd := &cobra.Command{Use: "sim", Short: "Simulate a mesh"}
	var seed uint64
	var transcript string
	run := &cobra.Command{
		Use: "run FILE", Short: "Run a scenario", Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var options simnet.RunOptions
			if cmd.Flags().Changed("seed") {
				options.Seed = &seed
			}
			return c.simRun(args[0], transcript, options)
		},
	}
	run.Flags().Uint64Var(&seed, "seed", 0, "instead of the scenario's seed")
	run.Flags().StringVar(&transcript, "transcript", "", "write every event to this file")
	cmd.AddCommand(run)
	return cmd
}

func (c *command) simRun(file, transcript string, options simnet.RunOptions) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fail(client.Failed, "cannot read the scenario %s: %v", client.Printable(file), errors.Unwrap(err))
	}
	scenario, err := simnet.ParseScenario(file, data)
	if err != nil {
		return fail(client.BadConfig, "%v", err)
	}
	if transcript != "" {
		f, err := os.Create(transcript)
		if err != nil {
			return fail(client.Failed, "cannot write %s: %v", client.Printable(transcript), errors.Unwrap(err))
		}
		defer f.Close()
		w := bufio.NewWriter(f)
		defer w.Flush()
		options.Transcript = w
	}
	begun := time.Now()
	result := simnet.RunScenario(scenario, options)
	if c.json {
		err = c.document(result)
	} else {
		c.printf("%s", result.Text(time.Since(begun)))
	}
	if err == nil && result.Failed {
		return exit(client.FindingsMade)
	}
	return err
}
