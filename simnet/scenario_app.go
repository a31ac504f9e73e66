package simnet

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/sid"
)

// The ports at which the hosts of a scenario take its traffic.
const (
	datagramPort = 70
	streamPort   = 71
	requestPort  = 72
)

// An app is the traffic's end at one host.
type app struct {
	run       *run
	host      *Host
	datagrams *mdp.Socket
	pings     *mdp.Socket
	listener  *msp.Listener
	sending   []*flow
	receiving []*incoming
	requests  *msp.Listener
	answering []*answer
	asking    []*question
}

func newApp(r *run, h *Host) *app {
	a := &app{run: r, host: h}
	a.bind()
	h.OnWake = a.wake
	return a
}

// bind opens the sockets on a node that has just started. The streams of its
// former life are over.
func (a *app) bind() {
	n := a.host.Node()
	var err error
	if a.datagrams, err = n.MDP().Bind(sid.None, datagramPort); err == nil {
		if a.pings, err = n.MDP().Bind(sid.None, 0); err == nil {
			if a.listener, err = n.MSP().Listen(sid.None, msp.Target{Port: streamPort}); err == nil {
				a.requests, err = n.MSP().Listen(sid.None, msp.Target{Port: requestPort})
			}
		}
	}
	if err != nil {
		panic("BUG: a new node's ports are taken: " + err.Error())
	}
	for _, f := range a.sending {
		f.stream.err = msp.ErrPeerRestarted
	}
	a.sending, a.receiving, a.answering, a.asking = nil, nil, nil, nil
}

// wake takes what has come and sends what fits.
func (a *app) wake(now time.Time) {
	var buf [2048]byte
	for _, socket := range [...]*mdp.Socket{a.datagrams, a.pings} {
		for socket.Pending() > 0 {
			n, _, _, _, err := socket.Recv(buf[:])
			if err != nil {
				break
			}
			a.run.arrived(a.host, buf[:n])
		}
	}
	for s := a.listener.Accept(); s != nil; s = a.listener.Accept() {
		a.receiving = append(a.receiving, &incoming{stream: s})
	}
	did := false
	a.receiving = slices.DeleteFunc(a.receiving, func(in *incoming) bool {
		read, more := in.read(now, a.run)
		did = did || read
		return !more
	})
	a.sending = slices.DeleteFunc(a.sending, func(f *flow) bool {
		wrote, more := f.write(now)
		did = did || wrote
		return !more
	})
	if a.requestsWake(now) || did {
		a.host.Wake()
	}
}
