//go:build !linux

package portmap

import "net/netip"

// defaultGateway is not known here: routers are found by UPnP.
func defaultGateway() (netip.Addr, bool) { return netip.Addr{}, false }
