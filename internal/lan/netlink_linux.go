package lan

import (
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// tentative lists the IPv6 addresses that may not be used yet, or ever.
func tentative() []address {
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_V6)
	if err != nil {
		return nil
	}
	var out []address
	for _, a := range addrs {
		if a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0 || a.Flags&unix.IFA_F_OPTIMISTIC != 0 {
			continue
		}
		if addr, ok := netip.AddrFromSlice(a.IP); ok {
			out = append(out, address{uint32(a.LinkIndex), addr})
		}
	}
	return out
}

// subscribe sends to wake, without waiting, whenever a link or an address
// changes. What cannot be subscribed to is found by polling.
func subscribe(wake chan<- struct{}) (stop func()) {
	done := make(chan struct{})
	links, addrs := make(chan netlink.LinkUpdate, 16), make(chan netlink.AddrUpdate, 16)
	quiet := func(error) {}
	if netlink.LinkSubscribeWithOptions(links, done, netlink.LinkSubscribeOptions{ErrorCallback: quiet}) != nil {
		links = nil
	}
	if netlink.AddrSubscribeWithOptions(addrs, done, netlink.AddrSubscribeOptions{ErrorCallback: quiet}) != nil {
		addrs = nil
	}
	go forward(links, addrs, wake)
	return func() { close(done) }
}

// forward ends when both subscriptions have.
func forward(links chan netlink.LinkUpdate, addrs chan netlink.AddrUpdate, wake chan<- struct{}) {
	for links != nil || addrs != nil {
		var ok bool
		select {
		case _, ok = <-links:
			if !ok {
				links = nil
			}
		case _, ok = <-addrs:
			if !ok {
				addrs = nil
			}
		}
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}
