package api

import (
	"net"

	"golang.org/x/sys/unix"
)

// callerOf is the user of the program at the other end (SO_PEERCRED of unix(7)); known is false where
// it cannot be told.
func callerOf(c net.Conn) (uid int, known bool) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, false
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, false
	}
	var cred *unix.Ucred
	if e := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); e != nil || err != nil {
		return -1, true // no user that is let in
	}
	return int(cred.Uid), true
}
