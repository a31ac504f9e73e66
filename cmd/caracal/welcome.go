package main

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
)

// How long a start looks for peers before it says that there are none, and how
// long it waits for more after the first.
const (
	lookFor   = 5 * time.Second
	lookAfter = 700 * time.Millisecond
)

// A welcome tells what a node that just started is, whom it found, and what to
// type next.
type welcome struct {
	c  *command
	up *upRun
}

func (w welcome) show(ctx context.Context, node *client.Client) error {
	st, err := node.Status(ctx)
	if err != nil {
		return err
	}
	if w.c.json {
		return w.c.document(st)
	}
	if w.c.quiet {
		return nil
	}
	for range 10 { // interfaces come one by one
		if linked(&st) {
			break
		}
		time.Sleep(50 * time.Millisecond)
		if st, err = node.Status(ctx); err != nil {
			return err
		}
	}
	w.self(&st)
	w.found(ctx, node, &st)
	return nil
}

// self tells what this node is.
func (w welcome) self(st *client.Status) {
	p := w.c.printf
	if w.up.first {
		p("caracal %s — first run\n", version)
		p("  created identity  %s  (%s, keep it private)\n", short(st.Self.SID), client.Printable(tilde(w.up.home))+"/identity.key")
	} else {
		p("caracal %s\n", version)
		p("  identity          %s\n", short(st.Self.SID))
	}
	p("  name              %s  (%s; change with: caracal config set node.name NAME)\n", named(st.Self.Name), w.up.noticed)
	if linked(st) {
		p("  listening         udp %d on %s\n", st.Self.Port, links(st))
	} else {
		p("  listening         udp %d, on no network yet\n", st.Self.Port)
	}
	if st.Self.Network == host.PrivateNetwork {
		p("  network           private: only who has its key can join\n")
	}
	who := map[string]string{
		"all": "from everybody", "never": "none are taken", "ask": "you are asked: caracal inbox",
		"contacts": "from peers you named, about others you are asked: caracal inbox",
	}[st.Self.Accept]
	p("  received files    %s  (%s)\n", client.Printable(tilde(st.Self.Files)), who)
}

// links lists interfaces with their addresses.
func links(st *client.Status) string {
	var list []string
	for _, l := range st.Links {
		if l.Index == 0 {
			continue
		}
		list = append(list, strings.TrimSpace(l.Name+" "+strings.Join(ordered(l.Addrs), ", ")))
	}
	return strings.Join(list, "; ")
}

// linked reports whether the node uses any interface.
func linked(st *client.Status) bool {
	return slices.ContainsFunc(st.Links, func(l host.LinkStatus) bool { return l.Index != 0 })
}

// alone tells why there may be nobody.
func (w welcome) alone(st *client.Status) {
	p := w.c.printf
	switch {
	case linked(st):
		p("Nothing answered on %s. That is normal if this is the first node.\n", links(st))
	case len(w.up.flags.interfaces) > 0:
		p("No interface matches %s. There are: %s.\nIt is used as soon as it appears.\n",
			client.Printable(strings.Join(w.up.flags.interfaces, ",")), interfaces())
		return
	default:
		p("There is no network to listen on. The node uses one as soon as it appears.\n")
	}
	t := table{}
	t.add("Start another one nearby:", "caracal up")
	t.add("One is running nearby already:", "caracal doctor")
	t.add("On a network that is not local:", "caracal up --peer ADDRESS")
	t.print(w.c)
}

// interfaces lists the network interfaces of this machine.
func interfaces() string {
	list, err := net.Interfaces()
	if err != nil || len(list) == 0 {
		return "none"
	}
	var names []string
	for _, i := range list {
		names = append(names, client.Printable(i.Name))
	}
	return strings.Join(names, ", ")
}

// ordered puts IPv4 addresses before IPv6.
func ordered(addrs []string) []string {
	list := slices.Clone(addrs)
	slices.SortStableFunc(list, func(a, b string) int { return is6(a) - is6(b) })
	return list
}

func is6(addr string) int {
	if a, err := netip.ParseAddr(addr); err == nil && a.Is6() {
		return 1
	}
	return 0
}

// found looks for peers and tells what to type next.
func (w welcome) found(ctx context.Context, node *client.Client, st *client.Status) {
	p := w.c.printf
	const looking = "  looking for peers … "
	if !w.up.flags.foreground {
		p(looking)
	}
	peers, after := w.look(ctx, node)
	if w.up.flags.foreground {
		p(looking) // now, so that the log does not come between
	}
	if len(peers.Peers) == 0 {
		p("none after %.0f s (still listening)\n\n", lookFor.Seconds())
		w.alone(st)
	} else {
		p("found %d in %.1f s\n\n", len(peers.Peers), after.Seconds())
		t := table{}
		for _, e := range peers.Peers {
			way := hops(e.Hops)
			if e.Hops == 1 {
				way = "direct on " + client.Printable(e.Link)
			}
			t.add("  "+named(e.Name), short(e.SID), way, rtt(e.RTT))
		}
		t.print(w.c)
	}
	w.next(st, &peers)
}

// look waits for peers: not long when some are there.
func (w welcome) look(ctx context.Context, node *client.Client) (peers client.Peers, after time.Duration) {
	begun := time.Now()
	for end := begun.Add(lookFor); time.Now().Before(end) && ctx.Err() == nil; {
		now, err := node.Peers(ctx, false)
		if err != nil {
			return peers, after
		}
		if len(now.Peers) > len(peers.Peers) {
			peers, after = now, time.Since(begun)
			end = time.Now().Add(lookAfter)
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	return peers, after
}

// next says what to type.
func (w welcome) next(st *client.Status, peers *client.Peers) {
	p := w.c.printf
	home := ""
	if w.c.home != "" {
		home = " --home " + client.Printable(w.c.home)
	}
	if w.up.flags.foreground {
		p("\nRunning here until Ctrl-C. In another terminal:\n")
	} else {
		p("\nRunning in the background (pid %d). Next:\n", st.Self.PID)
	}
	whom := "PEER"
	if len(peers.Peers) > 0 {
		whom = callIt(peers.Peers[0].Name, peers.Peers[0].SID)
	}
	t := table{}
	t.add("  caracal send"+home+" FILE "+whom, "send a file")
	t.add("  caracal peers -w"+home, "watch who is around")
	t.add("  caracal down"+home, "stop")
	t.print(w.c)
	if called := notInPath(); called != "" {
		p("\ncaracal is not in your PATH. Type %s for it, or once: sudo install %s /usr/local/bin\n", called, called)
	}
}

// notInPath is how this program was called, if a shell does not find it as "caracal"; "" when it does.
func notInPath() string {
	if _, err := exec.LookPath("caracal"); err == nil || !strings.ContainsRune(os.Args[0], filepath.Separator) {
		return ""
	}
	return client.Printable(filepath.Clean(os.Args[0]))
}
