package main

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// detach makes a process live on without this one and its console.
func detach(process *exec.Cmd) {
	process.SysProcAttr = &syscall.SysProcAttr{
		HideWindow:    true,
		CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS,
	}
}

// foreign reports whether dir belongs to another user: Windows keeps others out by itself.
func foreign(string) bool { return false }

// alive reports whether the process is there; here the socket tells enough.
func alive(int) bool { return false }

// exposed reports whether others can write to dir: rights are not looked at here.
func exposed(string) bool { return false }

// notifyHangup does nothing: there is no such signal.
func notifyHangup(chan os.Signal) {}
