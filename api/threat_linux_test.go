package api_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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
	if answer, err := askAs(os.Geteuid(), path); err != nil || answer == "" {
		t.Fatalf("our own user: %q, %v", answer, err)
	}
	const other = 65534
	for dir := s.home; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		os.Chmod(dir, 0o755)
	}
	if _, err := askAs(other, path); err == nil {
		t.Error("another user gets through the mode of the socket")
	}
	os.Chmod(path, 0o777)
	if answer, _ := askAs(other, path); answer != "" {
		t.Errorf("another user got an answer: %q", answer)
	}
	if answer, err := askAs(os.Geteuid(), path); err != nil || answer == "" {
		t.Errorf("our own user, afterwards: %q, %v", answer, err)
	}
	os.Chmod(s.home, 0o700)
	if st, err := s.c.Status(t.Context()); err != nil || st.Counters["api"]["strangers"] != 1 {
		t.Errorf("refused: %v, %v; want 1", st.Counters["api"], err)
	}
}

// askAs asks for the status as another user, from a thread that is given up afterwards. The error
// is that of connecting.
func askAs(uid int, path string) (answer string, err error) {
	type result struct {
		answer string
		err    error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
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
		c.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(c, "GET /v1/status HTTP/1.0\r\n\r\n")
		got, _ := io.ReadAll(c)
		done <- result{string(got), nil}
	}()
	r := <-done
	return r.answer, r.err
}
