package main

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// alone puts what the calling goroutine starts from now on into a network of its own, a loopback that no other test's nodes are on, where this
// process may (root). If not, names of their own must do ($A and $B).
func alone() {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	if unix.Unshare(unix.CLONE_NEWNET) != nil {
		runtime.UnlockOSThread()
		return
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		panic(err)
	}
	defer unix.Close(s)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		panic(err)
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo); err != nil {
		panic(err)
	}
}
