package api

import (
	"net/http"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/internal/doctor"
	"github.com/caracal-mesh/caracal/sid"
)

// routesOfLooks are the routes that explain what goes on.
func (s *Server) routesOfLooks(one func(string, func(*http.Request) (any, error))) {
	one("GET /v1/doctor", s.doctor)
	one("GET /v1/why", s.why)
	s.mux.HandleFunc("GET /v1/mtr", s.mtr)
	s.routesOfSettings(one)
	s.routesOfNAT(one)
}

// doctor examines the node: GET /v1/doctor. With peer=PEER that peer is tried instead of all; with
// machine=false what can be seen without the node is left to the caller.
func (s *Server) doctor(r *http.Request) (any, error) {
	q := r.URL.Query()
	p := doctor.Patient{
		Home: s.Host.Home(), Files: s.Files, Version: s.Version, Host: s.Host, Peers: s.patients(), Name: s.nameOf, NAT: s.natForDoctor(),
	}
	if q.Get("peer") != "" {
		peer, err := s.resolve(q.Get("peer"))
		if err != nil {
			return nil, err
		}
		p.Peers = []sid.SID{peer}
	}
	report := doctor.Node(r.Context(), p)
	if q.Get("machine") != "false" {
		report = doctor.Join(doctor.Machine(r.Context(), p), report)
	}
	return client.DoctorOf(report), nil
}

// natForDoctor is what the doctor is told of the routers between.
func (s *Server) natForDoctor() *doctor.NAT {
	doc := s.lookAtNAT()
	n := &doctor.NAT{
		Class: doc.Class, Words: doc.Words, Seen: len(doc.Seen)+len(doc.Mapped) > 0, PortMap: doc.PortMap, Lifetime: doc.Lifetime,
	}
	for _, p := range doc.Peers {
		if !p.Direct && p.Reason != "" {
			n.Indirect = append(n.Indirect, p.Name+": "+p.Text)
		}
	}
	return n
}

// patients are the peers that should be reached: those in sight, and contacts.
func (s *Server) patients() (list []sid.SID) {
	for _, p := range s.Host.Status().Peers {
		if id, err := sid.Parse(p.SID); err == nil && (p.State != host.Unreachable || p.Contact) {
			list = append(list, id)
		}
	}
	return list
}
