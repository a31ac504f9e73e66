package api

import (
	"net/http"

	"github.com/caracal-mesh/caracal/api/client"
)

// Settings are the configuration, kept by whoever started the node.
type Settings interface {
	Show() client.Config
	Reload() (client.Reload, error)
}

// routesOfSettings are the routes of the configuration, where there is one.
func (s *Server) routesOfSettings(one func(string, func(*http.Request) (any, error))) {
	if s.Settings == nil {
		return
	}
	one("GET /v1/config", func(*http.Request) (any, error) { return s.Settings.Show(), nil })
	one("POST /v1/config/reload", func(*http.Request) (any, error) { return s.Settings.Reload() })
}
