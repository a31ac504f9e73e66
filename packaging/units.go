// Package packaging has what a node needs to live on a machine: the units of systemd, which the program
// carries, and what packages are made of.
package packaging

import _ "embed"

// Units of systemd: the one of the system, which the package installs too, and the one of a user.
// The path of the program in them is /usr/bin/caracal.
var (
	//go:embed systemd/caracal.service
	SystemUnit string
	//go:embed systemd/caracal-user.service
	UserUnit string
)
