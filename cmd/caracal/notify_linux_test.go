package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A service tells systemd that it is ready, that it is alive, and that it ends; SIGHUP has it read its configuration
// again, and its log is JSON when that is asked for (sd_notify(3), ux 3.5).
func TestAServiceTellsSystemd(t *testing.T) {
	dir := t.TempDir()
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	heard := func(want string) {
		t.Helper()
		socket.SetReadDeadline(time.Now().Add(time.Minute))
		for buffer := make([]byte, 4096); ; {
			n, err := socket.Read(buffer)
			if err != nil {
				t.Fatalf("no %s: %v", want, err)
			}
			if strings.Contains(string(buffer[:n]), want) {
				return
			}
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "caracal") // this very test, which main knows by its name
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "home")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "up", "--service", "--home", home, "--listen", "127.0.0.1:0", "--interface", "none*", "--log-format", "json")
	cmd.Stderr = log
	cmd.Env = append(os.Environ(), "HOME="+dir, "NOTIFY_SOCKET="+filepath.Join(dir, "notify"), "WATCHDOG_USEC=300000", "CARACAL_CONFIG=")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	heard("READY=1")
	heard("WATCHDOG=1")
	heard("WATCHDOG=1")
	if err := os.WriteFile(filepath.Join(home, "config.toml"), []byte("[files]\naccept = \"all\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	said := func() string {
		data, err := os.ReadFile(log.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for end := time.Now().Add(time.Minute); !strings.Contains(said(), `"applied":["files.accept"]`); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the configuration was not read again:\n%s", said())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	heard("STOPPING=1")
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
	for _, line := range strings.Split(strings.TrimSpace(said()), "\n") {
		if !strings.HasPrefix(line, "{") {
			t.Errorf("not JSON: %s", line)
		}
	}
}
