package simnet

import (
	"fmt"
	"time"

	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A NodeOption changes the configuration of a node before it starts.
type NodeOption func(*node.Config)

// WithNetworkKey makes the node a member of a private mesh.
func WithNetworkKey(key [32]byte) NodeOption {
	return func(c *node.Config) { c.NetworkKey = &key }
}

// WithoutRelay makes a node that does not carry the traffic of others.
func WithoutRelay() NodeOption { return func(c *node.Config) { c.NoRelay = true } }

// WithTrace gives the node's events to the sink.
func WithTrace(sink trace.Sink) NodeOption { return func(c *node.Config) { c.Trace = sink } }

// AddNode adds a running host with a Caracal node. Its identity follows from the
// world's seed and the name: the same in every run, whatever else is in the world.
func (w *World) AddNode(name string, options ...NodeOption) *Host {
	return w.addNode(name, nil, options)
}

// addNode adds a node, and what a hostile one has around it.
func (w *World) addNode(name string, around role, options []NodeOption) *Host {
	lives := 1 // identities so far
	h := w.AddMachine(name, func(now time.Time, boot uint32) Machine {
		h := w.byName[name]
		if h != nil && h.newIdentity {
			lives, h.newIdentity = lives+1, false
		}
		cfg := node.Config{
			Identities:  []*sid.Identity{sid.FromSeed(deriveSeed(w.seed, fmt.Sprintf("identity %d %s", lives, name)))},
			Name:        name,
			Seed:        deriveSeed(w.seed, fmt.Sprintf("node %d %s", boot, name)),
			Boot:        boot,
			Port:        Port,
			Encapsulate: encapsulate(deriveSeed(w.seed, fmt.Sprintf("encapsulate %d %s", boot, name))),
			Trace:       w.traceSink(name),
			Passed:      w.loops.passed,
			Verify:      w.verified.verify,
			Shared:      w.shared,
		}
		for _, option := range options {
			option(&cfg)
		}
		n, err := node.New(now, cfg)
		if err != nil {
			panic("BUG: simnet: " + err.Error())
		}
		n.NAT().SetSecond(secondSocket, firstSocket+secondSocket)
		if around != nil {
			return around(w, name, n)
		}
		return n
	})
	return h
}

// AddNodes adds n nodes: prefix-1, prefix-2, …
func (w *World) AddNodes(prefix string, n int, options ...NodeOption) []*Host {
	hosts := make([]*Host, n)
	for i, name := range Names(prefix, n) {
		hosts[i] = w.AddNode(name, options...)
	}
	return hosts
}

// traceSink writes the nodes' events between the packets of the transcript, and
// gives them to who records, if there is one when the node starts.
func (w *World) traceSink(name string) trace.Sink {
	if w.record.transcript == nil && w.record.events == nil {
		return nil
	}
	return func(e trace.Event) {
		e.At = e.At.Add(-w.byName[name].skew)
		if w.record.events != nil {
			w.record.events(e)
		}
		if w.record.transcript != nil {
			line := append(e.Append(nil, Epoch), '\n')
			_, _ = w.record.transcript.Write(line)
		}
	}
}

// Node is the node on the host; nil while it is stopped, or if what runs there
// is not a node.
func (h *Host) Node() *node.Node {
	switch m := h.machine.(type) {
	case *node.Node:
		return m
	case wrapped:
		return m.inner()
	}
	return nil
}

// A wrapped machine has a node inside.
type wrapped interface{ inner() *node.Node }

// SID names the host's node.
func (h *Host) SID() sid.SID { return h.Node().SID() }

// Do lets f use the node as an application would, and has it processed
// afterwards, at this instant.
func (h *Host) Do(f func(now time.Time, n *node.Node)) {
	f(h.now(), h.Node())
	h.Wake()
}

// Restart stops the host and starts it again with all its state lost; with
// keepIdentity it comes back under the same SID, otherwise as somebody new.
func (h *Host) Restart(keepIdentity bool) {
	h.Stop()
	h.newIdentity = !keepIdentity
	h.Start()
}
