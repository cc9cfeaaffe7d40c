//go:build !linux

package sandbox

// Available reports whether the kernel confines processes. This one does not.
func Available() bool { return false }

// Version returns the version of the kernel's Landlock: none here.
func Version() int { return 0 }

// Do calls fn, which nothing confines here.
func (Rules) Do(fn func() error) error { return fn() }
