package api

import (
	"net"

	"golang.org/x/sys/unix"
)

// callerOf is the user of the program at the other end (LOCAL_PEERCRED of unix(4)); known is false
// where it cannot be told.
func callerOf(c net.Conn) (uid int, known bool) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, false
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, false
	}
	var cred *unix.Xucred
	if e := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED) }); e != nil || err != nil {
		return -1, true // no user that is let in
	}
	return int(cred.Uid), true
}
