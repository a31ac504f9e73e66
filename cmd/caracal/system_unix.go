//go:build unix

package main

import (
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

// alive reports whether the process is there.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || err == syscall.EPERM
}

// notifyHangup has SIGHUP come to the channel.
func notifyHangup(c chan os.Signal) { signal.Notify(c, syscall.SIGHUP) }
