package main

import (
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
	flags.Float64Var(&g.Loss, "loss", 0, "share of packets lost on links, 0 to 1")
	flags.StringVar(&g.Rate, "rate", "", "of links, such as 2Mbit (default: 10Mbit, or what the shape needs)")
	flags.BoolVar(&g.Roam, "roam", false, "shape disk: the nodes walk about")
	return gen
}
