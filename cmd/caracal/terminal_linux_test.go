package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal is a program at a terminal, as a person sees it.
type terminal struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd

	mu     sync.Mutex
	screen strings.Builder
}

// atTerminal starts the program at a new terminal.
func atTerminal(t *testing.T, dir string, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminals here:", err)
	}
	t.Cleanup(func() { master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Skip("no terminals here:", err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skip("no terminals here:", err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here:", err)
	}
	defer slave.Close()
	c := &terminal{t: t, master: master, cmd: exec.Command(filepath.Join(dir, "caracal"), args...)}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = slave, slave, slave
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	c.cmd.Env = append(os.Environ(), "CARACAL_HOME="+filepath.Join(dir, "home"), "HOME="+dir, "GOMEMLIMIT=512MiB")
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go io.Copy(c, master)
	return c
}

func (c *terminal) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.screen.Write(p)
}

// text is all that the screen ever showed.
func (c *terminal) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.screen.String()
}

// shows waits until the screen shows the text.
func (c *terminal) shows(text string) {
	c.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if strings.Contains(c.text(), text) {
			return
		}
	}
	c.t.Fatalf("the terminal never showed %q, but %q", text, c.text())
}

// types types a line when asked, as soon as nothing typed shows any more.
func (c *terminal) types(prompt, line string) {
	c.t.Helper()
	c.shows(prompt)
	for end := time.Now().Add(time.Minute); c.echoes() && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	io.WriteString(c.master, line)
}

func (c *terminal) echoes() bool {
	state, err := unix.IoctlGetTermios(int(c.master.Fd()), unix.TCGETS)
	return err == nil && state.Lflag&unix.ECHO != 0
}

// exits waits for the program's end.
func (c *terminal) exits(code int) {
	c.t.Helper()
	_ = c.cmd.Wait() // the code tells
	if got := c.cmd.ProcessState.ExitCode(); got != code {
		c.t.Errorf("%v: exit code %d, want %d; %q", c.cmd.Args[1:], got, code, c.text())
	}
}

// A person is asked for passphrases, which do not show; twice for a new one; and Ctrl-C leaves a
// terminal that shows again what is typed.
func TestPassphraseIsTypedUnseen(t *testing.T) {
	r := newSecretRun(t)
	const typed = "a canary in a mine"
	c := atTerminal(t, r.work, "id", "new", "--label", "me", "--passphrase")
	c.types("New passphrase: ", typed+"\n")
	c.types("The same again: ", typed+"\n")
	c.shows("is new, and locked")
	c.exits(0)
	if strings.Contains(c.text(), "canary") {
		t.Errorf("the passphrase shows: %q", c.text())
	}
	c = atTerminal(t, r.work, "id", "new", "--passphrase")
	c.types("New passphrase: ", typed+"\n")
	c.types("The same again: ", typed+"!\n")
	c.shows("the two passphrases differ")
	c.exits(2)
	c = atTerminal(t, r.work, "id", "new", "--passphrase")
	c.types("New passphrase: ", "half\x03")
	c.exits(130)
	if !c.echoes() {
		t.Error("the terminal stays blind after Ctrl-C")
	}
	c = atTerminal(t, r.work, "up", "-q", "--listen", "127.0.0.1:0", "--interface", "none*")
	c.types("Passphrase of ", typed+"\n")
	c.exits(0)
	if pid := r.pid(); pid == 0 || strings.Contains(c.text(), "canary") {
		t.Errorf("node %d; the terminal shows %q", pid, c.text())
	}
}
