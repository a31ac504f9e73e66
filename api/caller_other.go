//go:build !linux && !darwin

package api

import "net"

// callerOf cannot tell here who calls: the folder of the socket is private.
func callerOf(net.Conn) (uid int, known bool) { return 0, false }
