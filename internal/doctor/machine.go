package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/internal/udp"
	"github.com/caracal-mesh/caracal/share"
)

// leastSpace is how much room there should be for received files, in bytes; leastHome for the node's own.
const leastSpace, leastHome = 100 << 20, 1 << 20

// keys looks whether others can read or replace the keys.
func (r *Report) keys(p Patient) {
	before := len(r.Findings)
	info, err := os.Stat(p.Home)
	if errors.Is(err, fs.ErrNotExist) {
		r.add("identity", "key-files", Hint, "there is no identity yet").fix("caracal up")
		return
	}
	if err != nil {
		r.add("identity", "key-files", Problem, fmt.Sprintf("cannot look at %s: %v", p.Home, reason(err)))
		return
	}
	if foreign(info) {
		r.add("identity", "home-owner", Problem, p.Home+" belongs to another user").
			because("caracal does not start with another user's folder.").fix("caracal up --home DIR")
	}
	if mode := info.Mode().Perm(); private && mode&0o022 != 0 {
		r.add("identity", "home-mode", Problem, fmt.Sprintf("others can write to %s (mode %04o)", p.Home, mode)).
			because("Who can write there can take the node over.").fix("chmod 700 " + quote(p.Home)).safe()
	}
	for _, path := range keyFiles(p.Home) {
		if info, err := os.Stat(path); err == nil && private && info.Mode().Perm()&0o077 != 0 {
			r.add("identity", "key-mode", Problem, fmt.Sprintf("others can read %s (mode %04o)", path, info.Mode().Perm())).
				because("Who has read it can be you. If others use this machine, make a new identity.").fix("chmod 600 " + quote(path)).safe()
		}
	}
	if _, err := host.KeyringAt(p.Home).List(); errors.Is(err, host.ErrCorruptKey) {
		r.add("identity", "key-damaged", Problem, reason(err)).because("Restore it from a copy.")
	}
	if len(r.Findings) == before {
		r.add("identity", "key-files", OK, "keys readable only by you")
	}
}

// keyFiles are the files in a home that hold secrets.
func keyFiles(home string) []string {
	more, _ := filepath.Glob(filepath.Join(home, "identities", "*.key"))
	return append([]string{filepath.Join(home, "identity.key")}, more...)
}

// storage looks for room and for what cannot be written.
func (r *Report) storage(p Patient) {
	before := len(r.Findings)
	var free string
	for _, d := range []struct {
		check, dir, what string
		least            int64
	}{{"files-space", p.Files, "received files", leastSpace}, {"home-space", p.Home, "the node's own files", leastHome}} {
		at := existing(d.dir)
		n, known := space(at)
		if known && n < d.least {
			r.add("storage", d.check, Problem, fmt.Sprintf("only %s free in %s, for %s", share.Size(n), d.dir, d.what)).
				because("Files are refused before the disk is full. Delete something, or use another folder: caracal config set files.dir DIR")
		} else if known && d.dir == p.Files {
			free = share.Size(n) + " free in " + d.dir
		}
		if err := writable(at); err != nil {
			r.add("storage", d.check[:5]+"-write", Problem, fmt.Sprintf("cannot write to %s: %v", at, reason(err))).
				because("Nothing can be received or remembered there.")
		}
	}
	if len(r.Findings) == before && free != "" {
		r.add("storage", "files-space", OK, free)
	}
}

// existing is dir, or the nearest folder above it that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// writable tries to make a file in dir.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".caracal-doctor-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, 4096))
	return errors.Join(err, f.Sync(), f.Close())
}

// container looks whether this is a container that sees nothing but a bridge.
func (r *Report) container() {
	if !inContainer() {
		return
	}
	all, _ := net.Interfaces()
	for _, i := range all {
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && netip.MustParsePrefix("172.16.0.0/12").Overlaps(p) && p.Bits() == 16 {
				r.add("interfaces", "bridge", Hint, fmt.Sprintf("this is a container, and %s %s looks like Docker's own network", i.Name, p)).
					because("Beacons do not leave it: nodes outside are not found. Give the container the machine's network.").
					fix("docker run --network host …")
				return
			}
		}
	}
}

func inContainer() bool {
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return true
		}
	}
	return false
}

// built is older than any correct clock.
var built = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// clock looks at the time of day. Nothing of the protocol depends on it, but tickets and logs show it.
func (r *Report) clock() {
	now := time.Now()
	synced, off, known := synchronised()
	switch {
	case now.Before(built):
		r.add("node", "clock", Hint, "the clock says "+now.Format(time.DateOnly)+", which cannot be").
			because("The mesh does not need it. Logs and expiry dates do.").fix("sudo timedatectl set-ntp true")
	case known && !synced:
		r.add("node", "clock", Hint, "the clock is not synchronised (says the system)").
			because("The mesh does not need it. Logs and expiry dates do.").fix("sudo timedatectl set-ntp true")
	case known:
		r.add("node", "clock", OK, fmt.Sprintf("clock in sync (±%.1f s)", off.Seconds()))
	}
}

// Few open files are too few: so many a node has open with some peers, shares and transfers; and so full is nearly full.
const fewFiles, nearlyFull = 256, 0.8

// openFiles looks whether the node may open as many files and sockets as it may need.
func (r *Report) openFiles() {
	open, limit, known := descriptors()
	if known {
		r.filesOf(open, limit)
	}
}

func (r *Report) filesOf(open, limit uint64) {
	text := fmt.Sprintf("%d of %d files and sockets open", open, limit)
	more := []string{"ulimit -n 4096", "caracal down", "caracal up"}
	switch {
	case float64(open) >= nearlyFull*float64(limit):
		r.add("node", "open-files", Problem, text).because("At the limit no transfer, stream or command is accepted any more. A service has its limit from LimitNOFILE of its unit.").fix(more...)
	case limit < fewFiles:
		r.add("node", "open-files", Hint, text).because("That is few for many transfers and streams at a time. A service has its limit from LimitNOFILE of its unit.").fix(more...)
	default:
		r.add("node", "open-files", OK, text)
	}
}

// Skew tells that the node that runs is not of the version of the program that asks; nil when it is.
func Skew(node, program string) *Finding {
	if node == program {
		return nil
	}
	r := &Report{}
	return r.add("node", "version-skew", Hint, fmt.Sprintf("the node runs version %s, and this program is %s", node, program)).
		because("The program was exchanged since the node was started. What is new in it the node does not know.").fix("caracal down", "caracal up")
}

// port looks whether a node could listen.
func (r *Report) port(p Patient) {
	addr, err := udp.ParseListen(p.Listen)
	if err != nil {
		r.add("socket", "listen", Problem, err.Error())
		return
	}
	s, err := udp.Open(addr, udp.DiscoveryPort)
	if err == nil {
		s.Close()
		r.add("socket", "port", OK, fmt.Sprintf("udp %d is free", addr.Port()))
		return
	}
	who := ""
	if o := owners(addr.Port()); len(o) > 0 {
		who = ": " + strings.Join(o, ", ")
	}
	r.add("socket", "port", Problem, fmt.Sprintf("udp %d is in use by another program%s", addr.Port(), who)).
		because("A node cannot start there.").fix("caracal up --listen :0")
}

// reason is the last part of an error of the file system.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
