package portmap

import (
	"net/netip"

	"github.com/vishvananda/netlink"
)

// defaultGateway is the router to the Internet, by IPv4.
func defaultGateway() (gateway netip.Addr, ok bool) {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return gateway, false
	}
	best := -1
	for i, r := range routes {
		if (r.Dst == nil || r.Dst.String() == "0.0.0.0/0") && r.Gw != nil && (best < 0 || r.Priority < routes[best].Priority) {
			best = i
		}
	}
	if best < 0 {
		return gateway, false
	}
	gateway, ok = netip.AddrFromSlice(routes[best].Gw)
	return gateway.Unmap(), ok
}
