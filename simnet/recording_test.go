package simnet

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

const recorded = `
[sim]
duration = "20s"
description = "a road"
[[node]]
name = "bad"
role = "liar"
[[radio]]
name = "road"
nodes = 3
place = "line"
spacing = "100m"
range = "150m"
rate = "1Mbit"
[[lan]]
name = "hall"
nodes = ["road-1", "bad"]
[[move]]
nodes = "road-3"
path = [["10s", 200, 0], ["20s", 200, 1000]]
[[at]]
t = "5s"
kill = "road-2"
[[at]]
t = "7s"
start = "road-2"
[[traffic]]
from = "road-1"
to = "road-2"
ping = 10
`

// TestRecording: a recording has a value for everything at every step, and does
// not change what happens.
func TestRecording(t *testing.T) {
	s, err := ParseScenario("x.toml", []byte(recorded))
	if err != nil {
		t.Fatal(err)
	}
	var rec Recording
	r := RunScenario(s, RunOptions{Recording: &rec})
	if plain := RunScenario(s, RunOptions{}); plain.Digest != r.Digest {
		t.Error("the run was another for being recorded")
	}
	if len(rec.Frames) < 20 || float64(len(rec.Frames))*rec.Step < 19.9 || len(rec.Nodes) != 4 || len(rec.Links) != 2 {
		t.Fatalf("%d frames of %v s, %d nodes, %d links", len(rec.Frames), rec.Step, len(rec.Nodes), len(rec.Links))
	}
	sent, came := 0, 0
	for i, f := range rec.Frames {
		if len(f.States) != 4 || len(f.Up) != 2 || len(f.Rates) != 4 || len(f.Places) != 8 || len(f.Loss) > len(rec.Ways) || len(f.Drops) != len(Reasons()) {
			t.Fatalf("frame %d is %+v", i, f)
		}
		sent, came = sent+f.Sent, came+f.Came
	}
	if sent != int(r.Pings.Sent) || came != int(r.Pings.Delivered) {
		t.Errorf("frames have %d of %d pings, the result %d of %d", came, sent, r.Pings.Delivered, r.Pings.Sent)
	}
	at6 := rec.Frames[int(6/rec.Step)]
	if at6.States != "1101" {
		t.Errorf("after 6 s the states are %s, want road-2 dead", at6.States)
	}
	if last := rec.Frames[len(rec.Frames)-1]; last.Places[7] < 900 {
		t.Errorf("in the end road-3 is at %v", last.Places[6:])
	}
	var texts []string
	for _, m := range rec.Moments {
		if m.Kind == "script" {
			texts = append(texts, m.Text)
		}
	}
	if got := strings.Join(texts, ", "); got != "kill road-2, start road-2" {
		t.Errorf("moments are %s", got)
	}
}

func TestRecordingSurvivesJSON(t *testing.T) {
	s, _ := ParseScenario("x.toml", []byte(recorded))
	var rec, again Recording
	RunScenario(s, RunOptions{Recording: &rec})
	data, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &again); err != nil || again.Check() != nil {
		t.Fatal(err, again.Check())
	}
	rec.Result.Datagrams, rec.Result.Pings, rec.Result.Voice, rec.Result.Requests = again.Result.Datagrams, again.Result.Pings, again.Result.Voice, again.Result.Requests
	if !reflect.DeepEqual(rec, again) {
		t.Error("another recording came back")
	}
	again.Ways[0].A = 99
	if again.Check() == nil {
		t.Error("an index that leads nowhere passed")
	}
}

// TestMomentsKeepRoomForTheScript: however many neighbours meet.
func TestMomentsKeepRoomForTheScript(t *testing.T) {
	var rec Recording
	r := &recorder{run: &run{world: New(1)}, out: &rec}
	for range 3 * maxMoments {
		r.moment("neighbour-up", "a", "b")
	}
	r.moment("script", "", "kill a")
	if n := len(rec.Moments); n > maxMoments || rec.Moments[n-1].Kind != "script" || rec.Lost == 0 {
		t.Errorf("%d moments, %d lost, the last is %+v", n, rec.Lost, rec.Moments[n-1])
	}
}
