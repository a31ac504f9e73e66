package doctor

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/caracal-mesh/caracal/internal/lan"
)

// synchronised tells what the kernel knows of the clock (adjtimex(2)).
func synchronised() (synced bool, off time.Duration, known bool) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return false, 0, false
	}
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, time.Duration(t.Maxerror) * time.Microsecond, true
}

// owners names the programs that have the UDP port, as far as we may see them.
func owners(port uint16) (list []string) {
	inodes := socketsOn(port)
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, l := range links {
		to, err := os.Readlink(l)
		inode, isSocket := strings.CutPrefix(to, "socket:[")
		if err != nil || !isSocket || !slices.Contains(inodes, strings.TrimSuffix(inode, "]")) {
			continue
		}
		pid := strings.Split(l, "/")[2]
		name, _ := os.ReadFile("/proc/" + pid + "/comm")
		if who := fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), pid); !slices.Contains(list, who) {
			list = append(list, who)
		}
	}
	return list
}

// socketsOn are the inodes of the UDP sockets bound to the port.
func socketsOn(port uint16) (inodes []string) {
	for _, path := range []string{"/proc/net/udp", "/proc/net/udp6"} {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			w := strings.Fields(lines.Text())
			if len(w) < 10 {
				continue
			}
			_, hex, _ := strings.Cut(w[1], ":")
			if n, err := strconv.ParseUint(hex, 16, 16); err == nil && uint16(n) == port {
				inodes = append(inodes, w[9])
			}
		}
		f.Close()
	}
	return inodes
}

// wayTo is the interface by which the system sends to the address.
func wayTo(addr netip.Addr) (iface string, ok bool) {
	routes, err := netlink.RouteGet(addr.AsSlice())
	if err != nil || len(routes) == 0 {
		return "", false
	}
	l, err := netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return "", false
	}
	return l.Attrs().Name, true
}

// powerSave looks whether a radio sleeps through broadcasts.
func (r *Report) powerSave(ctx context.Context, i lan.Interface) {
	if _, err := os.Stat("/sys/class/net/" + i.Name + "/wireless"); err != nil {
		return
	}
	out, err := exec.CommandContext(ctx, "iw", "dev", i.Name, "get", "power_save").Output()
	if err == nil && strings.Contains(string(out), ": on") {
		r.add(i.Name, "power-save", Hint, "power save is on: the radio sleeps through some broadcasts").
			fix("sudo iw dev " + quote(i.Name) + " set power_save off")
	}
}
