package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
)

// A fake is a node that says what it is told to.
type fake struct {
	status  client.Status
	streams []client.Stream
	err     error
}

func (f *fake) Status(context.Context) (client.Status, error) { return f.status, f.err }
func (f *fake) Streams(context.Context, string) (client.Streams, error) {
	return client.Streams{Streams: f.streams}, f.err
}

func node() *fake {
	return &fake{
		status: client.Status{
			Time: time.Unix(1000, 0),
			Self: client.Self{SID: "5e1f", Name: "me\x1b\xff", Version: "1", Uptime: 600, Network: "open"},
			Peers: []host.PeerStatus{
				{SID: "aaaa", Name: "kitchen", State: host.Direct, Hops: 1, RTT: 2.5, Loss: 0.1, Link: "eth0"},
				{SID: "bbbb", Name: "two\nlines\"", State: host.Direct, Hops: 1, Link: "eth0"},
				{SID: "cccc", State: host.Mesh, Hops: 7},
			},
			Links:    []host.LinkStatus{{Name: "eth0", Kind: "lan", TxBeacons: 3, RxBytes: 1 << 40}, {Name: "eth0", Kind: "lan"}},
			Sessions: []host.SessionStatus{{Keys: host.PostQuantum}, {}}, Waiting: 2,
			Counters: map[string]map[string]uint64{"msp": {"associations": 1, "streams": 2, "memory": 77, "lost": 5}, "overlay": {"drop_queue": 9}},
		},
		streams: []client.Stream{{Link: "up"}, {Link: "up"}, {Link: "stalled"}},
	}
}

func get(t *testing.T, n Node, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(n).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	data, _ := io.ReadAll(w.Body)
	return w.Code, string(data)
}

func TestAScrapeTellsWhatTheStatusSays(t *testing.T) {
	code, text := get(t, node(), "/metrics")
	if code != 200 {
		t.Fatalf("%d %s", code, text)
	}
	for _, want := range []string{
		`caracal_up 1`, `caracal_info{name="me\\x1b\\ufffd",network="open",sid="5e1f",version="1"} 1`, `caracal_start_time_seconds 400`,
		`caracal_peers{state="direct"} 2`, `caracal_peers{state="mesh"} 1`, `caracal_peers{state="unreachable"} 0`, `caracal_peer_hops_max 7`,
		`caracal_neighbour_rtt_seconds{link="eth0",name="kitchen",sid="aaaa"} 0.0025`, `caracal_neighbour_loss_ratio{link="eth0",name="kitchen",sid="aaaa"} 0.1`,
		`caracal_neighbour_loss_ratio{link="eth0",name="two\\nlines\"",sid="bbbb"} 0`,
		`caracal_beacons_total{dir="tx",link="eth0"} 3`, `caracal_link_bytes_total{dir="rx",link="eth0"} 1.099511627776e+12`,
		`caracal_streams{state="up"} 2`, `caracal_streams{state="down"} 0`, `caracal_stream_memory_bytes 77`, `caracal_associations 1`,
		`caracal_sessions{keys="post-quantum"} 1`, `caracal_sessions{keys="none"} 1`, `caracal_inbox_waiting 2`,
		`caracal_events_total{event="lost",floor="msp"} 5`, `caracal_events_total{event="drop_queue",floor="overlay"} 9`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
	if strings.Contains(text, `rtt_seconds{link="eth0",name="two`) || strings.Contains(text, `event="memory"`) {
		t.Errorf("too much:\n%s", text)
	}
	if code, _ := get(t, node(), "/"); code != 404 {
		t.Errorf("beside /metrics: %d", code)
	}
}

func TestANodeThatDoesNotAnswerIsTold(t *testing.T) {
	code, text := get(t, &fake{err: errors.New("gone")}, "/metrics")
	if code != 200 || !strings.Contains(text, "caracal_up 0\n") || strings.Contains(text, "caracal_peers") {
		t.Errorf("%d %s", code, text)
	}
}

func TestNeighboursAreBounded(t *testing.T) {
	n := node()
	n.status.Peers = nil
	for i := range 2 * maxPeers {
		n.status.Peers = append(n.status.Peers, host.PeerStatus{SID: strings.Repeat("a", i+1), State: host.Direct, Link: "eth0"})
	}
	if _, text := get(t, n, "/metrics"); strings.Count(text, "caracal_neighbour_loss_ratio{") != maxPeers {
		t.Errorf("%d series", strings.Count(text, "caracal_neighbour_loss_ratio{"))
	}
}

// The dashboard asks for nothing that is not told.
func TestTheDashboardStandsOnWhatIsTold(t *testing.T) {
	data, err := os.ReadFile("../../deploy/grafana/caracal.json")
	if err != nil || !json.Valid(data) {
		t.Fatalf("the dashboard is no JSON: %v", err)
	}
	told := map[string]bool{}
	for _, f := range Gather(t.Context(), node()) {
		told[f.Name] = true
	}
	asked := regexp.MustCompile(`caracal_[a-z_]+`).FindAllString(string(data), -1)
	for _, name := range asked {
		if !told[name] {
			t.Errorf("the dashboard asks for %s", name)
		}
	}
	if len(asked) < 15 {
		t.Errorf("it asks for %d only", len(asked))
	}
}
