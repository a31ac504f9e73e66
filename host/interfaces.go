package host

import (
	"net/netip"
	"runtime"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/lan"
	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/internal/udp"
	"github.com/caracal-mesh/caracal/link"
)

// interfaces are those in use.
func (h *Host) interfaces() []lan.Interface {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.ifaces)
}

// setInterfaces tells everybody concerned that these are the interfaces now.
// An interface that changed in any way is set anew, so that beacons start
// afresh there (spec L2.4).
func (h *Host) setInterfaces(ifaces []lan.Interface) {
	if h.beacons != nil {
		h.beacons.Join(ifaces) // before the first beacon leaves: its answer comes at once
	}
	h.mu.Lock()
	now := h.clock.now()
	before := h.ifaces
	h.ifaces = ifaces
	h.table.Set(ifaces)
	for _, old := range before {
		if !h.table.Has(old.Index) {
			h.socket.SetReach(old.Index, udp.Reach{})
			h.node.RemoveInterface(now, old.Index)
			delete(h.ears, old.Index)
			h.log.Info("interface gone", "interface", old.Name)
			h.traceInterface(now, trace.InterfaceDown, old)
		}
	}
	for _, i := range ifaces {
		if !slices.ContainsFunc(before, i.Equal) {
			h.setInterface(now, i)
			kind := trace.InterfaceUp
			if slices.ContainsFunc(before, func(o lan.Interface) bool { return o.Index == i.Index }) {
				kind = trace.InterfaceChanged
			}
			h.traceInterface(now, kind, i)
		}
	}
	h.repeatPeers(now)
	h.moveMapping()
	h.hints.from = now.Add(hintsAfter)
	h.pump.run()
	if h.mdns != nil {
		h.mdns.SetInterfaces(ifaces)
	}
}

func (h *Host) traceInterface(now time.Time, kind trace.Kind, i lan.Interface) {
	h.cfg.Trace.Emit(trace.Event{At: now, Kind: kind, Path: link.Path{Iface: i.Index}, Reason: i.Name})
}

func (h *Host) setInterface(now time.Time, i lan.Interface) {
	caps := i.Caps()
	reach := h.reach(i)
	caps.Broadcast, caps.Runs = reach != udp.Reach{}, h.socket.Segments()
	h.socket.SetReach(i.Index, reach)
	h.node.SetInterface(now, i.Index, caps)
	h.node.SetAddrs(now, i.Index, i.Prefixes)
	h.log.Info("interface", "interface", i.Name, "mtu", caps.MTU, "kind", caps.Kind.String(), "addresses", i.Prefixes)
}

// reach is how everybody on the interface is addressed, as configured.
func (h *Host) reach(i lan.Interface) udp.Reach {
	if h.cfg.NoDiscovery {
		return udp.Reach{}
	}
	reach := reachOf(i)
	if h.cfg.NoBroadcast {
		reach.Broadcast4 = netip.Addr{}
	}
	if h.cfg.NoMulticast {
		reach.Multicast4, reach.Multicast6 = false, false
	}
	return reach
}

// reachOf says how everybody on the interface is addressed: as little traffic
// as reaches all (spec L1.3).
func reachOf(i lan.Interface) udp.Reach {
	reach := udp.Reach{Broadcast4: i.Broadcast4()}
	if i.Loopback() {
		return reach
	}
	if reach.Broadcast4.IsValid() && runtime.GOOS == "linux" { // bound to the interface, whatever the routes say
		reach.Broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	}
	reach.Multicast4 = i.Multicasts() && i.Has4()
	reach.Multicast6 = i.Multicasts() && i.Has6()
	return reach
}
