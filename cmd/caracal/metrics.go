package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/internal/metrics"
)

func (c *command) metrics() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use: "metrics", Short: "Counters and states of the node, as Prometheus reads them", Args: exactly(0),
		Long: "Print the metrics of the node once, or serve them to Prometheus at http://ADDR/metrics until Ctrl-C. They hold names and SIDs of\n" +
			"neighbours, and no content. To have the node itself serve them always: caracal config set metrics.listen 127.0.0.1:9410.\n" +
			"A dashboard for Grafana is in deploy/grafana/caracal.json.",
		Example: "  caracal metrics | grep '^caracal_peers'\n  caracal metrics > /var/lib/node_exporter/textfile/caracal.prom\n  caracal metrics --listen 127.0.0.1:9410",
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := c.node()
			if err != nil {
				return err
			}
			if _, err := n.Status(cmd.Context()); err != nil {
				return err
			}
			if listen != "" {
				return c.serveMetrics(cmd.Context(), n, listen)
			}
			return c.printMetrics(cmd.Context(), n)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "serve them at this IP:PORT, such as 127.0.0.1:9410")
	return cmd
}

// A metricsDocument is the metrics as JSON.
type metricsDocument struct {
	Schema  string       `json:"schema"`
	Metrics []metricData `json:"metrics"`
}

type metricData struct {
	Name   string            `json:"name"`
	Type   string            `json:"type"` // counter, gauge
	Labels map[string]string `json:"labels,omitempty"`
	Value  float64           `json:"value"`
}

func (c *command) printMetrics(ctx context.Context, n metrics.Node) error {
	families := metrics.Gather(ctx, n)
	if !c.json {
		var text []byte
		for _, f := range families {
			text = f.AppendText(text)
		}
		_, err := c.out.Write(text)
		return err
	}
	doc := metricsDocument{Schema: client.SchemaMetrics, Metrics: []metricData{}}
	for _, f := range families {
		for _, s := range f.Samples {
			d := metricData{Name: f.Name, Type: f.Type, Value: s.Value}
			for i, value := range s.Labels {
				if d.Labels == nil {
					d.Labels = map[string]string{}
				}
				d.Labels[f.Labels[i]] = value
			}
			doc.Metrics = append(doc.Metrics, d)
		}
	}
	return c.document(doc)
}

// serveMetrics answers Prometheus until ctx ends.
func (c *command) serveMetrics(ctx context.Context, n metrics.Node, listen string) error {
	at, err := netip.ParseAddrPort(listen)
	if err != nil {
		return fail(client.Usage, "--listen \"%s\" is not IP:PORT, such as 127.0.0.1:9410", client.Printable(listen))
	}
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return fail(client.Failed, "cannot listen at %s: %v", at, plain(errors.Unwrap(err)))
	}
	c.say("metrics: http://%s/metrics   (Ctrl-C to stop)\n", l.Addr())
	if err := answerMetrics(ctx, n, l); err != nil {
		return fail(client.Failed, "the metrics ended: %v", plain(err))
	}
	return ctx.Err()
}

// answerMetrics answers at l until ctx ends.
func answerMetrics(ctx context.Context, n metrics.Node, l net.Listener) error {
	srv := &http.Server{Handler: metrics.Handler(n), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// metricsAgain is how long after a failure the node tries again to serve its metrics.
const metricsAgain = 10 * time.Second

// keepMetrics serves the metrics of a node, as metrics.listen says, until ctx ends. The address may not be there yet, or be
// taken: the node does without, says so once, and goes on trying.
func keepMetrics(ctx context.Context, n metrics.Node, at string, log *slog.Logger) {
	told := false
	for ctx.Err() == nil {
		l, err := net.Listen("tcp", at)
		if err == nil {
			log.Info("serving metrics", "address", l.Addr().String())
			err, told = answerMetrics(ctx, n, l), false
		}
		if err == nil {
			return
		}
		if !told {
			log.Warn("cannot serve metrics, trying again", "address", at, "error", err)
			told = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(metricsAgain):
		}
	}
}
