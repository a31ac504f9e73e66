module github.com/caracal-mesh/caracal/bench

go 1.26.0

replace github.com/caracal-mesh/caracal => ../

require (
	github.com/quic-go/quic-go v0.65.0 // indirect
	golang.org/x/crypto v0.54.0 // indirect
	golang.org/x/net v0.56.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)
