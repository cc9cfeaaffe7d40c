//go:build !linux

package sandbox

// Available reports whether the kernel confines processes. This one does not.
func Available() bool { return false }

// Do calls fn, which nothing confines here.
func (Rules) Do(fn func() error) error { return fn() }
