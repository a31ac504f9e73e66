//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// detach makes a process live on without this one and its terminal.
func detach(process *exec.Cmd) {
	process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
}

// foreign reports whether dir belongs to another user.
func foreign(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) != os.Geteuid()
}

// exposed reports whether others can write to dir.
func exposed(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.Mode().Perm()&0o022 != 0
}

// alive reports whether the process is there. One that has ended and whose parent has not asked for it is not: in a container nobody may ever ask.
func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); err != nil && err != syscall.EPERM {
		return false
	}
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // nothing where the system has no such file
	i := bytes.LastIndexByte(stat, ')')                       // its name may hold anything
	return i < 0 || !bytes.HasPrefix(stat[i+1:], []byte(" Z"))
}

// notifyHangup has SIGHUP come to the channel.
func notifyHangup(c chan os.Signal) { signal.Notify(c, syscall.SIGHUP) }
