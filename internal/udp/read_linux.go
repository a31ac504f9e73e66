package udp

import (
	"errors"
	"iter"
	"os"
	"syscall"
	"time"
	"unsafe"

	"github.com/caracal-mesh/caracal/link"
	"golang.org/x/sys/unix"
)

const (
	readMessages = 8       // messages per recvmmsg
	readSize     = 1 << 16 // bytes per message: as much as GRO coalesces
	smallRead    = 1 << 13 // bytes up to which a full call is of small datagrams
)

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// A Reader reads datagrams of one family, many a call, for one goroutine.
type Reader struct {
	f        *family
	raw      syscall.RawConn
	size     int // bytes per message
	headers  []mmsghdr
	messages []message
	buffer   []byte
	got      int
	bytes    int
	little   bool // the call before took so few that the runtime need not know of the next: it does not wait, and copies little
	errno    unix.Errno
	try      func(fd uintptr) bool
	tryMore  func(fd uintptr) bool
}

func newReader(f *family, raw syscall.RawConn, messages, size int) *Reader {
	r := &Reader{
		f: f, raw: raw, size: size, buffer: make([]byte, messages*size),
		headers: make([]mmsghdr, messages), messages: make([]message, messages),
	}
	for i := range r.messages {
		m := &r.messages[i]
		m.iov.Base = &r.buffer[i*size]
		m.iov.SetLen(size)
		m.point(&r.headers[i])
	}
	r.try = r.receive
	r.tryMore = func(fd uintptr) bool { r.receive(fd); return true }
	return r
}

// Read waits for datagrams and takes all that is there, up to its room. They
// are then yielded by Datagrams. The error is net.ErrClosed after Close, os.ErrDeadlineExceeded once after Interrupt.
func (r *Reader) Read() error {
	r.prepare()
	if err := r.raw.Read(r.try); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			_ = r.f.conn.SetReadDeadline(time.Time{})
		}
		return err
	}
	if r.errno != 0 {
		return r.errno
	}
	r.f.owner.stats.reads.Add(1)
	return nil
}

// Interruptible reports whether Interrupt does something.
func (r *Reader) Interruptible() bool { return !r.Aside() }

// Interrupt has a Read that waits, or the next, return os.ErrDeadlineExceeded.
func (r *Reader) Interrupt() { _ = r.f.conn.SetReadDeadline(longAgo) }

// Crowded reports whether the last call was full and all it took small, as in a flood: then it is
// worth calling More, so that what is done once per Read is not done for every few datagrams.
func (r *Reader) Crowded() bool { return !r.Aside() && r.got == readMessages && r.bytes <= smallRead }

// Aside reports whether the Reader is for the datagrams named with Socket.Aside.
func (r *Reader) Aside() bool { return r.size == asideSize }

// Full reports whether the last call took as much as it could.
func (r *Reader) Full() bool { return r.got == len(r.headers) }

// More is Read without waiting. It reports whether it took any.
func (r *Reader) More() bool {
	r.prepare()
	if r.raw.Read(r.tryMore) != nil || r.got == 0 {
		return false
	}
	r.f.owner.stats.reads.Add(1)
	return true
}

// prepare makes room for the system call.
func (r *Reader) prepare() {
	r.got, r.bytes = 0, 0
	for i := range r.headers {
		r.headers[i].hdr.Namelen = uint32(unsafe.Sizeof(r.messages[i].name))
		r.headers[i].hdr.SetControllen(controlSize)
	}
}

// receive is the system call; false means wait until readable.
func (r *Reader) receive(fd uintptr) bool {
	errno := unix.EINTR
	var n uintptr
	for errno == unix.EINTR {
		if r.little {
			n, _, errno = unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.headers[0])),
				uintptr(len(r.headers)), unix.MSG_DONTWAIT, 0, 0)
		} else {
			n, _, errno = unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.headers[0])),
				uintptr(len(r.headers)), unix.MSG_DONTWAIT, 0, 0)
		}
	}
	if errno == unix.EAGAIN {
		return false
	}
	r.errno = errno
	if errno == 0 {
		r.got = int(n)
	}
	for i := range r.got {
		r.bytes += int(r.headers[i].n)
	}
	r.little = r.bytes <= smallRead
	return true
}

// Datagrams yields what the last Read took, in order of arrival, each with
// the interface it came in by and its source. The bytes are borrowed until the
// next Read.
func (r *Reader) Datagrams() iter.Seq2[link.Path, []byte] {
	return func(yield func(link.Path, []byte) bool) {
		for i := range r.got {
			h, m := &r.headers[i], &r.messages[i]
			data := r.buffer[i*r.size : i*r.size+int(h.n)]
			iface, segment := m.readControl(int(h.hdr.Controllen))
			if r.Aside() && 0 < segment && segment <= len(data) {
				data = data[:segment]
			} else if h.hdr.Flags&unix.MSG_TRUNC != 0 {
				r.f.owner.stats.truncated.Add(1)
				continue
			}
			from := link.Path{Iface: iface, Addr: m.source(r.f.four)}
			if !r.split(from, data, segment, yield) {
				return
			}
		}
	}
}

// split yields the datagrams that were coalesced into data.
func (r *Reader) split(from link.Path, data []byte, segment int, yield func(link.Path, []byte) bool) bool {
	if segment <= 0 {
		segment = max(len(data), 1)
	}
	for first := true; first || len(data) > 0; first = false {
		n := min(segment, len(data))
		r.f.owner.stats.received.Add(1)
		if !yield(from, data[:n:n]) {
			return false
		}
		data = data[n:]
	}
	return true
}
