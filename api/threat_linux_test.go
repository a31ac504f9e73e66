package api_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caracal-mesh/caracal/api"
	"github.com/caracal-mesh/caracal/api/client"
)

// Another user of the machine cannot use the node: the socket is for its owner only, in a folder
// for its owner only; and should somebody loosen both, the node asks the system who calls.
func TestThreat22LocalOtherUser(t *testing.T) {
	s := serve(t, "a")
	path := filepath.Join(s.home, client.SocketName)
	for p, want := range map[string]os.FileMode{s.home: 0o700, path: 0o600} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v; want %v", p, info.Mode().Perm(), err, want)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("the rest needs root, to become another user")
	}
	if answer, err := askAs(os.Geteuid(), os.Getegid(), path); err != nil || answer == "" {
		t.Fatalf("our own user: %q, %v", answer, err)
	}
	const other = 65534
	for dir := s.home; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		os.Chmod(dir, 0o755)
	}
	if _, err := askAs(other, other, path); err == nil {
		t.Error("another user gets through the mode of the socket")
	}
	os.Chmod(path, 0o777)
	if answer, _ := askAs(other, other, path); answer != "" {
		t.Errorf("another user got an answer: %q", answer)
	}
	if answer, err := askAs(os.Geteuid(), os.Getegid(), path); err != nil || answer == "" {
		t.Errorf("our own user, afterwards: %q, %v", answer, err)
	}
	os.Chmod(s.home, 0o700)
	if st, err := s.c.Status(t.Context()); err != nil || st.Counters["api"]["strangers"] != 1 {
		t.Errorf("refused: %v, %v; want 1", st.Counters["api"], err)
	}
}

// The node of the machine is there for members of its group, whoever they are, and for nobody else; the keys are not.
func TestMembersOfTheGroupUseTheNodeOfTheMachine(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	const other, group = 65534, 64999
	s := serveAs(t, "a", func(s *api.Server) {
		s.Group = true
		home := s.Host.Home()
		for _, p := range []string{home, filepath.Join(home, client.SocketName)} {
			if err := os.Chown(p, -1, group); err != nil {
				t.Fatal(err)
			}
		}
		if err := api.OpenToGroup(home); err != nil {
			t.Fatal(err)
		}
	})
	for dir := filepath.Dir(s.home); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		os.Chmod(dir, 0o755)
	}
	path := filepath.Join(s.home, client.SocketName)
	if answer, err := askAs(other, group, path); err != nil || !strings.Contains(answer, client.SchemaStatus) {
		t.Errorf("a member: %q, %v", answer, err)
	}
	if _, err := askAs(other, other, path); err == nil {
		t.Error("somebody else gets through")
	}
	for p, want := range map[string]os.FileMode{s.home: 0o750, path: 0o660} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v; want %v", p, info.Mode().Perm(), err, want)
		}
	}
	for _, secret := range []string{"identity.key", "peers.json", "inbox.json"} {
		if info, err := os.Stat(filepath.Join(s.home, secret)); err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("the group may do %v with %s", info.Mode().Perm(), secret)
		}
	}
}

// askAs asks for the status as another user, of that group only, from a thread that is given up afterwards. The error
// is that of connecting.
func askAs(uid, gid int, path string) (answer string, err error) {
	type result struct {
		answer string
		err    error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0)
		unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid))
		if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); e != 0 {
			done <- result{"", e}
			return
		}
		c, err := net.Dial("unix", path)
		if err != nil {
			done <- result{"", err}
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(time.Minute))
		io.WriteString(c, "GET /v1/status HTTP/1.0\r\n\r\n")
		got, _ := io.ReadAll(c)
		done <- result{string(got), nil}
	}()
	r := <-done
	return r.answer, r.err
}
