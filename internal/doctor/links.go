package doctor

import (
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/internal/lan"
	"github.com/caracal-mesh/caracal/internal/udp"
)

// soon is how young a thing may be for its absence to mean nothing yet.
const soon = 30 * time.Second

// recently is how old a beacon may be for its channel to count as working.
const recently = time.Minute

// running tells that the node runs.
func (r *Report) running(p Patient, d *host.Diagnosis) {
	r.add("node", "running", OK, fmt.Sprintf("running for %s, %s", d.Now.Sub(d.Started).Round(time.Second), p.Version))
	if off := time.Since(d.Now).Abs(); off > time.Minute {
		r.add("node", "clock-set", Hint, fmt.Sprintf("the clock was set by %s since the node started", off.Round(time.Second))).
			because("The mesh does not need it. Its logs show both times.")
	}
}

// twin looks for another node with our key.
func (r *Report) twin(d *host.Diagnosis) {
	if t := d.Twin; !t.At.IsZero() && d.Now.Sub(t.At) < 10*time.Minute {
		r.add("identity", "twin", Problem, fmt.Sprintf("%s also calls itself %s (%s ago)", t.From.Addr, t.SID.Short(), d.Now.Sub(t.At).Round(time.Second))).
			because("A key that was copied makes both unreachable in turns. On one of them move the key away, and start again.").
			fix("caracal down", "mv identity.key identity.key.copied", "caracal up")
	}
}

// sockets looks at what the node has bound.
func (r *Report) sockets(d *host.Diagnosis) {
	r.add("socket", "port", OK, fmt.Sprintf("udp %d bound", d.Port))
	if others := owners(udp.DiscoveryPort); len(others) > 1 {
		r.add("socket", "second-node", OK, "the discovery port is shared with others on this machine: "+strings.Join(others, ", "))
	}
	if d.Blind {
		r.add("socket", "discovery", Hint, "discovery is off, as configured: nobody is found by itself").
			because("Only addresses given as peers are tried.").fix("caracal config set discovery.broadcast true", "caracal config set discovery.multicast true")
	}
}

// unused tells of interfaces that are not used, and why.
func (r *Report) unused(d *host.Diagnosis) {
	all, err := lan.Interfaces()
	if err != nil {
		r.add("interfaces", "list", Problem, "cannot list the network interfaces: "+err.Error())
		return
	}
	for _, i := range all {
		switch {
		case i.Loopback() || slices.ContainsFunc(d.Ifaces, func(u lan.Interface) bool { return u.Index == i.Index }):
		case len(i.Prefixes) == 0:
			r.add(i.Name, "address", Problem, "up, but without any address").
				because("Nothing can be sent there. Does the network hand out addresses (DHCP)? Is IPv6 switched off?").
				fix("sudo ip link set " + quote(i.Name) + " down && sudo ip link set " + quote(i.Name) + " up")
		default:
			r.add("interfaces", "excluded", OK, i.Name+" is not used, by the patterns of interface names")
		}
	}
	if len(d.Ifaces) == 0 {
		r.add("interfaces", "none", Problem, "there is no network: no interface is up, has an address, and is wanted").
			because("Connect one: it is used as soon as it appears. Wanted: " + strings.Join(wanted(d.Patterns), " "))
	}
}

func wanted(patterns []string) []string {
	if len(patterns) == 0 {
		return lan.DefaultPatterns
	}
	return patterns
}

// iface looks whether beacons get out and come in.
func (r *Report) iface(d *host.Diagnosis, i lan.Interface) {
	var addrs []string
	for _, p := range i.Prefixes {
		addrs = append(addrs, p.String())
	}
	r.add(i.Name, "address", OK, fmt.Sprintf("%s, mtu %d", strings.Join(addrs, ", "), i.MTU))
	ears := d.Ears[i.Index]
	if !slices.ContainsFunc(ears, func(e host.Ear) bool { return e.Used }) {
		if !d.Blind {
			r.add(i.Name, "beacons", Hint, "no beacons are sent here: neither broadcast nor multicast is possible").
				because("Nobody is found by itself. Give an address.").fix("caracal up --peer ADDRESS")
		}
		return
	}
	if !i.Multicasts() && !i.Loopback() {
		r.add(i.Name, "multicast-off", Hint, "multicast is switched off here").fix("sudo ip link set " + quote(i.Name) + " multicast on").safe()
	}
	r.echo(d, i, ears)
	r.others(d, i, ears)
}

// echo looks whether our own beacons come back to us: the system hears what it sends.
func (r *Report) echo(d *host.Diagnosis, i lan.Interface, ears []host.Ear) {
	var back, missing []string
	for _, e := range ears {
		switch {
		case !e.Used:
		case !e.OwnAt.Before(d.Asked):
			back = append(back, e.Channel.String())
		default:
			missing = append(missing, e.Channel.String())
		}
	}
	switch {
	case len(missing) == 0:
		r.add(i.Name, "echo", OK, "my beacons come back: "+strings.Join(back, ", "))
	case len(back) == 0:
		text := "none of my beacons come back (" + strings.Join(missing, ", ") + ")"
		if d.Refused > 0 {
			text += fmt.Sprintf("; the system refused to send %d datagrams", d.Refused)
		}
		r.add(i.Name, "echo", Problem, text).
			because(fmt.Sprintf("Something on this machine drops UDP port %d: a firewall, most likely.", udp.DiscoveryPort)).fix(opens("4117:4118")...)
	default:
		r.add(i.Name, "echo", Problem, "my "+strings.Join(missing, " and ")+" beacons do not come back; "+strings.Join(back, " and ")+" ones do").
			because(fmt.Sprintf("A firewall here drops some of UDP port %d. Nodes are found by what is left.", udp.DiscoveryPort)).fix(opens("4117:4118")...)
	}
}

// opens is how to find the rule that drops a port, or to open it where the usual firewall is installed.
func opens(ports string) []string {
	if _, err := exec.LookPath("ufw"); err == nil {
		return []string{"sudo ufw allow " + ports + "/udp"}
	}
	return []string{"sudo caracal doctor", "sudo nft list ruleset"}
}

// others tells by which channels others are heard.
func (r *Report) others(d *host.Diagnosis, i lan.Interface, ears []host.Ear) {
	var heard, silent []string
	for _, e := range ears {
		switch {
		case !e.Used:
		case !e.OtherAt.IsZero() && d.Now.Sub(e.OtherAt) < recently:
			heard = append(heard, fmt.Sprintf("%s %d", e.Channel, e.Others))
		default:
			silent = append(silent, e.Channel.String())
		}
	}
	switch {
	case len(heard) == 0:
		r.add(i.Name, "heard", OK, "no beacons of others in the last minute (that is normal where there is no other node)")
	case len(silent) == 0 || d.Now.Sub(d.Started) < soon:
		r.add(i.Name, "heard", OK, "beacons of others: "+strings.Join(heard, ", "))
	default:
		r.add(i.Name, "heard", Hint, "beacons of others: "+strings.Join(heard, ", ")+"; but none by "+strings.Join(silent, ", ")).
			because("The access point or a firewall drops those, or the others do not send them. One channel is enough: nothing to do.")
	}
}

// sources looks for nodes that are heard and do not answer.
func (r *Report) sources(p Patient, d *host.Diagnosis, i lan.Interface) {
	up := map[string]bool{}
	for _, peer := range p.Host.Status().Peers {
		if peer.State == host.Direct {
			up[peer.SID] = true
		}
	}
	for _, s := range d.Sources {
		if s.Iface != i.Index || up[s.SID.String()] || s.Beacons < 5 || d.Now.Sub(s.Last) > recently {
			continue
		}
		f := r.add(i.Name, "one-way", Problem, fmt.Sprintf("%s at %s is heard (%d beacons), but does not answer", p.Name(s.SID), s.Addr, s.Beacons))
		f.because(fmt.Sprintf("What is sent to it, or its answer, is lost: a firewall drops UDP port %d here or there, the access point keeps its clients apart (\"client isolation\"), or it is in another private network.", d.Port)).
			fix(opens(fmt.Sprint(d.Port))...)
	}
}

// captured looks whether something else, a VPN, has taken the routes of the LAN.
func (r *Report) captured(i lan.Interface) {
	if i.Loopback() {
		return
	}
	for _, p := range i.Prefixes {
		if !p.Addr().Is4() || p.Bits() > 30 {
			continue
		}
		for _, neighbour := range edges(p) {
			by, ok := wayTo(neighbour)
			if !ok || by == i.Name || by == "lo" {
				continue
			}
			r.add("routes", "captured", Problem, fmt.Sprintf("packets to %s leave by %s instead of %s", neighbour, by, i.Name)).
				because("A VPN, or a second network with the same addresses, has taken the LAN's route: nodes there cannot be reached.").
				fix("ip route get "+neighbour.String(), fmt.Sprintf("sudo ip rule add to %s lookup main priority 100", p.Masked()))
			break
		}
	}
}

// edges are two addresses of the subnet beside our own, one in each half.
func edges(p netip.Prefix) []netip.Addr {
	first := p.Masked().Addr().Next()
	if first == p.Addr() {
		first = first.Next()
	}
	b := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 31; bit++ { // the highest but the broadcast address
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	last := netip.AddrFrom4(b)
	if last == p.Addr() {
		last = last.Prev()
	}
	return []netip.Addr{first, last}
}
