package udp

import (
	"unsafe"

	"github.com/caracal-mesh/caracal/link"
	"golang.org/x/sys/unix"
)

const (
	writeMessages = 64    // messages per sendmmsg
	maxSegments   = 64    // datagrams per message (UDP_MAX_SEGMENTS of Linux 4.18)
	maxRunBytes   = 65000 // bytes per message, headers of either family left out
	smallWrite    = 2048  // bytes that are sent within some microseconds
)

// An outbox holds the messages of the next sendmmsg call.
//
// Invariant: headers[i] describes messages[i]; the first n are to be sent.
type outbox struct {
	headers  [writeMessages]mmsghdr
	messages [writeMessages]message
	runs     [writeMessages]link.Run
	n        int
	sent     int
	try      func(fd uintptr) bool
	errno    unix.Errno
}

func (o *outbox) init(f *family) {
	for i := range o.messages {
		o.messages[i].point(&o.headers[i])
	}
	o.try = f.send
}

// queue puts the run into the next system call.
func (f *family) queue(run link.Run) {
	if run.Count == 1 || f.gso.Load() {
		f.add(run)
		return
	}
	f.each(run, f.add)
}

// each gives the datagrams of a run one by one.
func (f *family) each(run link.Run, give func(link.Run)) {
	for data := run.Data; len(data) > 0; {
		n := min(run.Segment, len(data))
		give(link.Run{To: run.To, Segment: n, Count: 1, Data: data[:n]})
		data = data[n:]
	}
}

// add makes the run the next message.
func (f *family) add(run link.Run) {
	o := &f.out
	if o.n == writeMessages {
		f.flush()
	}
	h, m := &o.headers[o.n], &o.messages[o.n]
	m.iov.Base = unsafe.SliceData(run.Data)
	m.iov.SetLen(len(run.Data))
	h.hdr.Namelen = m.setName(f.four, run.To.Addr, run.To.Iface)
	segment := 0
	if run.Count > 1 {
		segment = run.Segment
	}
	h.hdr.SetControllen(m.setControl(f.four, run.To, segment))
	o.runs[o.n] = run
	o.n++
}

// flush sends all that is queued. A message that the system refuses is counted
// and passed over; a segmented one is tried again datagram by datagram.
func (f *family) flush() {
	if f.out.n == 0 {
		return
	}
	o := &f.out
	for done := 0; done < o.n; {
		o.sent = done
		if err := f.raw.Write(o.try); err != nil { // closed
			f.owner.stats.sendErrors.Add(uint64(o.n - done))
			break
		}
		f.count(done, o.sent)
		if done = o.sent; o.errno != 0 {
			f.refused(done)
			done++
		}
	}
	clear(o.runs[:o.n])
	o.n = 0
}

// send is the system call; false means wait until writable.
func (f *family) send(fd uintptr) bool {
	o := &f.out
	errno := unix.EINTR
	var n uintptr
	for errno == unix.EINTR {
		if o.n-o.sent == 1 && len(o.runs[o.sent].Data) <= smallWrite { // it does not wait: the runtime need not know
			n, _, errno = unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&o.headers[o.sent])),
				1, unix.MSG_DONTWAIT, 0, 0)
		} else {
			n, _, errno = unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&o.headers[o.sent])),
				uintptr(o.n-o.sent), unix.MSG_DONTWAIT, 0, 0)
		}
	}
	if errno == unix.EAGAIN {
		return false
	}
	o.errno = errno
	if errno == 0 {
		o.sent += int(n)
	}
	return true
}

func (f *family) count(from, to int) {
	if to > from {
		f.owner.stats.writes.Add(1)
	}
	for _, run := range f.out.runs[from:to] {
		f.owner.stats.sent.Add(uint64(run.Count))
	}
}

// refused deals with message i. EIO means that the device cannot segment at
// all; EINVAL and EMSGSIZE concern this path only (its MTU is smaller).
func (f *family) refused(i int) {
	run := f.out.runs[i]
	if run.Count == 1 {
		f.owner.stats.sendErrors.Add(1)
		return
	}
	if f.out.errno == unix.EIO {
		f.gso.Store(false)
	}
	f.owner.stats.fallbacks.Add(1)
	f.each(run, f.sendOne)
}

// sendOne sends one datagram by itself, past the outbox.
func (f *family) sendOne(run link.Run) {
	to := sockaddr(f.four, run.To)
	var sent error
	err := f.raw.Write(func(fd uintptr) bool {
		sent = unix.Sendmsg(int(fd), run.Data, f.pktinfo(run.To.Iface), to, unix.MSG_DONTWAIT)
		return sent != unix.EAGAIN
	})
	if err != nil || sent != nil {
		f.owner.stats.sendErrors.Add(1)
		return
	}
	f.owner.stats.sent.Add(1)
}

func (f *family) pktinfo(iface uint32) []byte {
	switch {
	case iface == 0:
		return nil
	case f.four:
		return unix.PktInfo4(&unix.Inet4Pktinfo{Ifindex: int32(iface)})
	}
	return unix.PktInfo6(&unix.Inet6Pktinfo{Ifindex: iface})
}

func sockaddr(four bool, to link.Path) unix.Sockaddr {
	if four {
		return &unix.SockaddrInet4{Port: int(to.Addr.Port()), Addr: to.Addr.Addr().Unmap().As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(to.Addr.Port()), Addr: to.Addr.Addr().As16()}
	if to.Addr.Addr().IsLinkLocalUnicast() || to.Addr.Addr().IsMulticast() {
		sa.ZoneId = to.Iface
	}
	return sa
}
