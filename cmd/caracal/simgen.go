package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/simnet"
)

func (c *command) simGen() *cobra.Command {
	g := simnet.Plan{Nodes: 30, Duration: simnet.Duration(2 * time.Minute), Seed: 1}
	var latency time.Duration
	gen := &cobra.Command{
		Use: "gen SHAPE", Short: "Write a scenario to start from", Args: exactly(1),
		Long: "Write a scenario for a shape of mesh: " + strings.Join(simnet.Shapes, ", ") + `.

  caracal sim gen grid -n 49 > grid.toml
  caracal sim gen disk -n 60 --roam > festival.toml`,
		ValidArgs: simnet.Shapes,
		RunE: func(_ *cobra.Command, args []string) error {
			g.Shape, g.Latency = args[0], simnet.Duration(latency)
			text, err := g.Scenario()
			if err != nil {
				return fail(client.Usage, "%v", err)
			}
			c.printf("%s", text)
			return nil
		},
	}
	flags := gen.Flags()
	flags.IntVarP(&g.Nodes, "nodes", "n", g.Nodes, "how many nodes")
	flags.DurationVar((*time.Duration)(&g.Duration), "duration", time.Duration(g.Duration), "how long")
	flags.Uint64Var(&g.Seed, "seed", g.Seed, "what chance follows from")
	flags.DurationVar(&latency, "latency", 5*time.Millisecond, "of links, one way")
	flags.Var((*shareFlag)(&g.Loss), "loss", "of packets on links, such as 5% or 0.05")
	flags.StringVar(&g.Rate, "rate", "", "of links, such as 2Mbit (default: 10Mbit, or what the shape needs)")
	flags.BoolVar(&g.Roam, "roam", false, "shape disk: the nodes walk about")
	return gen
}

// A shareFlag is a part of a whole, as scenario files have it, or as a bare number.
type shareFlag float64

// Set reads "5%" and "0.05".
func (f *shareFlag) Set(text string) error {
	var value any = text
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		value = number
	}
	var s simnet.Share
	if err := s.UnmarshalTOML(value); err != nil {
		return err
	}
	*f = shareFlag(s)
	return nil
}

func (f *shareFlag) String() string { return strconv.FormatFloat(float64(*f), 'g', -1, 64) }

// Type is what the help calls it.
func (f *shareFlag) Type() string { return "share" }
