// Package initramfs writes the archives from which Linux boots without a disk: cpio in the form
// "newc", cpio(5). An archive is kept in memory until it is written. It has one owner.
package initramfs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// Modes of entries: type and permissions, stat(2).
const (
	folderMode = 0o040755
	fileMode   = 0o100755
	linkMode   = 0o120777
	deviceMode = 0o020600
)

// Archive is an initramfs. Its zero value is empty. Paths are absolute or relative to the root;
// folders above a path are made, and a path that is there already stays as it is.
type Archive struct {
	out     bytes.Buffer
	entries map[string]bool
}

// Folder adds a folder.
func (a *Archive) Folder(name string) { a.add(name, folderMode, 0, 0, nil) }

// File adds an executable file with the given content.
func (a *Archive) File(name string, data []byte) { a.add(name, fileMode, 0, 0, data) }

// Link adds a symbolic link.
func (a *Archive) Link(name, target string) { a.add(name, linkMode, 0, 0, []byte(target)) }

// Device adds a character device.
func (a *Archive) Device(name string, major, minor int) {
	a.add(name, deviceMode, major, minor, nil)
}

// Copy adds a file of this machine under another name.
func (a *Archive) Copy(name, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("add %s to an initramfs: %w", name, err)
	}
	a.File(name, data)
	return nil
}

// Program adds a dynamically linked program of this machine and the libraries that it needs, each
// of these at its own path.
func (a *Archive) Program(name, from string) error {
	out, err := exec.Command("ldd", from).Output()
	if err != nil {
		return fmt.Errorf("libraries of %s: ldd: %w", from, err)
	}

	for line := range strings.Lines(string(out)) {
		// "libc.so.6 => /lib/libc.so.6 (0x7f..)", or "/lib64/ld-linux-x86-64.so.2 (0x7f..)"
		for _, field := range strings.Fields(line) {
			if !filepath.IsAbs(field) {
				continue
			}
			if err := a.Copy(field, field); err != nil {
				return err
			}
		}
	}

	return a.Copy(name, from)
}

// Bytes returns the archive with its trailer. Nothing can be added afterwards.
func (a *Archive) Bytes() []byte {
	a.entry("TRAILER!!!", 0, 0, 0, nil)
	return a.out.Bytes()
}

func (a *Archive) add(name string, mode, major, minor int, data []byte) {
	name = strings.TrimPrefix(path.Clean(name), "/")
	if name == "." || name == "" || a.entries[name] {
		return
	}
	if a.entries == nil {
		a.entries = map[string]bool{}
	}

	a.add(path.Dir(name), folderMode, 0, 0, nil)
	a.entries[name] = true
	a.entry(name, mode, major, minor, data)
}

// entry writes a header of 13 hexadecimal numbers, the name and the data, each padded to 4 octets.
func (a *Archive) entry(name string, mode, major, minor int, data []byte) {
	fmt.Fprintf(&a.out, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		len(a.entries), mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name)+1, 0)

	for _, part := range [][]byte{append([]byte(name), 0), data} {
		a.out.Write(part)
		a.out.Write(make([]byte, (4-a.out.Len()%4)%4))
	}
}
