package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What rules allow, as rights of Landlock (landlock(7), "Filesystem actions").
const (
	canRead = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_READ_DIR

	// onFiles are the rights that a file can have. The others are about directories.
	onFiles = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// Available reports whether the kernel confines processes. Old kernels do not, nor do some
// containers.
func Available() bool { return Version() > 0 }

// Version returns the version of the kernel's Landlock, or 0 if it has none. Files are confined
// from the first on, TCP from version 4 (Linux 6.7), signals and abstract sockets from version 6
// (6.12).
func Version() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0,
		unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// handled returns the rights that a version of Landlock knows. What is handled and not allowed is
// denied.
func handled(version int) uint64 {
	rights := uint64(unix.LANDLOCK_ACCESS_FS_REFER - 1) // all of version 1
	if version >= 2 {
		rights |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		rights |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 5 {
		rights |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}

	return rights
}

// Do calls fn on a thread of its own. The processes that fn starts are held to the rules, and so is
// what fn itself opens. They can gain no privileges either. Where Landlock is not available, Do
// only calls fn.
//
// The thread lasts until fn returns, so fn may start children that die with it.
func (r Rules) Do(fn func() error) error {
	v := Version()
	if v == 0 {
		return fn()
	}

	ruleset, err := r.ruleset(v)
	if err != nil {
		return fmt.Errorf("make a sandbox: %w", err)
	}
	defer func() { _ = unix.Close(ruleset) }()

	done := make(chan error, 1)
	go onOwnThread(func() {
		if err := restrict(ruleset); err != nil {
			done <- fmt.Errorf("enter a sandbox: %w", err)
			return
		}
		done <- fn()
	})

	return <-done
}

// onOwnThread calls fn on a thread that ends afterwards, so that nobody else runs there.
func onOwnThread(fn func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		fn()
		return
	}

	// The first thread of a process cannot end. While it is locked, another goroutine gets another.
	defer runtime.UnlockOSThread()
	done := make(chan struct{})
	go func() {
		defer close(done)
		onOwnThread(fn)
	}()

	<-done
}

// restrict holds the calling thread, and the processes that it starts, to a ruleset.
func restrict(ruleset int) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}

	_, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// ruleset makes the kernel's form of the rules. The caller closes its descriptor.
func (r Rules) ruleset(version int) (fd int, err error) {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: handled(version)}
	if r.Alone && version >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP |
			unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if r.Alone && version >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}

	made, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET,
		uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return 0, errno
	}

	fd = int(made)
	canWrite := attr.Handled_access_fs &^ unix.LANDLOCK_ACCESS_FS_EXECUTE
	if err = allow(fd, r.Read, canRead); err == nil {
		err = allow(fd, append([]string{os.DevNull}, r.Write...), canWrite)
	}

	if err != nil {
		_ = unix.Close(fd)
		return 0, err
	}

	return fd, nil
}

// allow adds rights on paths to a ruleset. It skips what does not exist or cannot be looked at.
func allow(ruleset int, paths []string, rights uint64) error {
	for _, path := range paths {
		err := allowOne(ruleset, path, rights)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func allowOne(ruleset int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()

	var info unix.Stat_t
	if err := unix.Fstat(fd, &info); err != nil {
		return err
	}
	if info.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= onFiles
	}

	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset),
		unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return errno
	}

	return nil
}
