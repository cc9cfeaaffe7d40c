//go:build linux

package vm

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tapline-sdn/tapline/testenv/initramfs"
	"github.com/tapline-sdn/tapline/testenv/release"
)

// addReleases adds releases of Open vSwitch beside the installed one, each at its own path, and the
// shell that starts their programs.
func addReleases(a *initramfs.Archive, names []string) error {
	for _, name := range names {
		r, err := release.Find(name)
		if err != nil {
			return err
		}
		if r.Dir == "" {
			continue // What is installed is there.
		}
		if err := addTree(a, r.Dir); err != nil {
			return err
		}
	}

	shell, err := find("sh")
	if err != nil {
		return err
	}
	return a.Program("bin/sh", shell)
}

// addTree adds the files and links of a folder at their own paths.
func addTree(a *initramfs.Archive, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.IsDir():
			return err
		case entry.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err == nil {
				a.Link(path, target)
			}
			return err
		case entry.Type().IsRegular():
			return a.Copy(path, path)
		}
		return nil
	})
}
