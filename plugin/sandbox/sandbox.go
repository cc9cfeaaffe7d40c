// Package sandbox starts processes that reach only the files that they need, with Landlock
// (landlock(7)) and as the user that the program runs as.
//
// A process that is taken over by what it reads, such as virsh by a hostile libvirt, can then not
// read the secrets of its starter. The package holds no state, and owns no goroutine once
// [Rules.Do] has returned.
package sandbox

import (
	"os"
	"path/filepath"
	"strings"
)

// Rules say what processes may reach, beside /dev/null. Paths that do not exist are ignored. A
// directory stands for all that is in it.
type Rules struct {
	Read  []string // read, list and execute
	Write []string // read, change, make and remove, but not execute
	// Alone cuts the processes off from TCP, and from abstract sockets and signals of other
	// processes, as far as the kernel can (see Version).
	Alone bool
}

// Programs are what a program needs to run: its libraries, and what the system tells of itself.
func Programs() []string {
	return []string{
		"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime",
		"/proc", "/sys", "/dev/urandom",
	}
}

// AllBut returns the paths of everything that is not in a directory: what is beside the directory,
// and beside the directories that it is in. The directory may also be a home folder, so its hidden
// folders, such as .ssh, are among the paths.
func AllBut(dir string) ([]string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}

	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}

	paths, err := entries(dir, func(name string) bool { return strings.HasPrefix(name, ".") })
	if err != nil {
		return nil, err
	}

	for dir != "/" {
		parent, skip := filepath.Dir(dir), filepath.Base(dir)
		beside, err := entries(parent, func(name string) bool { return name != skip })
		if err != nil {
			return nil, err
		}
		paths, dir = append(paths, beside...), parent
	}

	return paths, nil
}

// entries returns the paths of the chosen entries of a directory. It leaves out symbolic links:
// they may lead into the directory that is to be left out, and other targets have their own paths.
func entries(dir string, chosen func(name string) bool) (paths []string, err error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}

	for _, e := range list {
		if e.Type()&os.ModeSymlink == 0 && chosen(e.Name()) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}

	return paths, nil
}
