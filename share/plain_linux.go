package share

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// openPlain opens the file name below dir for reading, with one system call, and follows no symbolic link.
// errors.ErrUnsupported: this kernel, or who confines us, does not let us.
func openPlain(dir *os.File, name string) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOCTTY | unix.O_NONBLOCK, // a pipe put in its place does not hold us
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	fd, err := again(func() (int, error) { return unix.Openat2(int(dir.Fd()), name, &how) })
	switch {
	case err == nil:
		return os.NewFile(uintptr(fd), name), nil
	case errors.Is(err, unix.ELOOP):
		return nil, &os.PathError{Op: "open", Path: name, Err: errNotRegular}
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EAGAIN):
		return nil, errors.ErrUnsupported
	}
	return nil, &os.PathError{Op: "open", Path: name, Err: err}
}

// mayRead tells why the file at path cannot be read, nil when it can.
func mayRead(path string) error {
	if err := unix.Access(path, unix.R_OK); err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	return nil
}

// makePlain opens the file name, one element, in dir for reading and writing, and makes it when it is not there; emptied if
// empty. It is os.Root's OpenFile without the calls by which that looks whether the file can be waited for.
func makePlain(dir *os.File, name string, empty bool) (*os.File, error) {
	flags := unix.O_RDWR | unix.O_CREAT | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_LARGEFILE
	if empty {
		flags |= unix.O_TRUNC
	}
	fd, err := again(func() (int, error) { return unix.Openat(int(dir.Fd()), name, flags, 0o666) })
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// again calls f as long as signals interrupt it.
func again(f func() (int, error)) (int, error) {
	for {
		if n, err := f(); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// setTime sets the time of modification of the file name, one element, in dir.
func setTime(dir *os.File, name string, when time.Time) error {
	ts := unix.NsecToTimespec(when.UnixNano())
	return unix.UtimesNanoAt(int(dir.Fd()), name, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

// renameNew moves a file from one folder to another where nothing has its new name; both names are single elements.
// fs.ErrExist: something has. errors.ErrUnsupported: the file system cannot promise that.
func renameNew(from *os.File, old string, to *os.File, name string) error {
	err := unix.Renameat2(int(from.Fd()), old, int(to.Fd()), name, unix.RENAME_NOREPLACE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.EOPNOTSUPP):
		return errors.ErrUnsupported
	}
	return &os.LinkError{Op: "rename", Old: old, New: name, Err: err}
}
