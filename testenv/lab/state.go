//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

const stateFile = "lab.json"

// state is the content of lab.json. It is written before things are made, where possible, so that
// another process can use the lab or remove what is left of it.
type state struct {
	Config     Config             `json:"config"`
	Owner      process            `json:"owner"`     // who called New
	Ephemeral  bool               `json:"ephemeral"` // to be removed when its owner is gone
	Namespaces []string           `json:"namespaces"`
	Processes  map[string]process `json:"processes"` // by HOST/DAEMON
	Guests     []*Guest           `json:"guests"`
	NextNIC    int                `json:"next_nic"`
}

// DefaultDir is where labs keep their directories if nothing else is said:
// $XDG_RUNTIME_DIR/tapline-lab, or /run/tapline-lab.
func DefaultDir() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return filepath.Join(dir, "tapline-lab")
	}
	return "/run/tapline-lab"
}

// saveLocked writes the state file.
func (l *Lab) saveLocked() error {
	text, err := json.MarshalIndent(l.state, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the lab's state: %w", err)
	}

	path := filepath.Join(l.Dir, stateFile)
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return fmt.Errorf("write the lab's state: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write the lab's state: %w", err)
	}

	return nil
}

func readState(dir string) (state, error) {
	path := filepath.Join(dir, stateFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return state{}, err
	}

	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return state{}, fmt.Errorf("%s: %w", path, err)
	}

	return s, nil
}

// Open attaches to a running lab that some process made with New in the same directory ("":
// DefaultDir). The error is fs.ErrNotExist if there is none. Nothing needs to be closed: the lab
// goes on running. A process that changes guests holds [Lock] from before Open until it is done.
func Open(dir, name string) (*Lab, error) {
	if dir == "" {
		dir = DefaultDir()
	}
	if err := checkName(name); err != nil {
		return nil, err
	}

	s, err := readState(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("open lab %s: %w", name, err)
	}

	l := &Lab{Name: name, Dir: filepath.Join(dir, name), state: s}
	l.build()
	for _, g := range l.state.Guests {
		if err := g.attach(l); err != nil {
			return nil, fmt.Errorf("open lab %s: %w", name, err)
		}
	}

	return l, nil
}

// Lock takes the lock of a lab that processes hold while they change its guests or its controller.
// It waits for others, and lasts until unlock is called or the process ends.
func Lock(dir, name string) (unlock func() error, err error) {
	if dir == "" {
		dir = DefaultDir()
	}
	if err := checkName(name); err != nil {
		return nil, err
	}

	// The directory itself is locked, so that no lock file is left over.
	file, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("lock lab %s: %w", name, err)
	}

	for {
		if err = unix.Flock(int(file.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			break
		}
	}

	if err != nil {
		_ = file.Close() // The first error counts.
		return nil, fmt.Errorf("lock lab %s: %w", name, err)
	}

	return file.Close, nil
}

// List names the labs in a directory ("": DefaultDir).
func List(dir string) ([]string, error) {
	if dir == "" {
		dir = DefaultDir()
	}

	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}

	var names []string
	for _, entry := range entries {
		if _, err := os.Stat(filepath.Join(dir, entry.Name(), stateFile)); err == nil {
			names = append(names, entry.Name())
		}
	}

	return names, err
}

// Purge removes what is left of a lab: its processes, namespaces and directory. It works after a
// crash, since it needs the state file alone. A lab that does not exist is no error.
func Purge(dir, name string) error {
	if dir == "" {
		dir = DefaultDir()
	}
	if err := checkName(name); err != nil {
		return err
	}

	labDir := filepath.Join(dir, name)
	s, err := readState(labDir)
	if errors.Is(err, os.ErrNotExist) {
		// Nothing was made before the state was written, except the directory.
		os.Remove(filepath.Join(labDir, stateFile+".new"))
		if err := os.Remove(labDir); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("purge lab %s: %s holds no %s: %w", name, labDir, stateFile, err)
		}
		return nil
	}

	if err != nil {
		return fmt.Errorf("purge lab %s: %w", name, err)
	}

	if err := s.remove(labDir); err != nil {
		return fmt.Errorf("purge lab %s: %w", name, err)
	}

	return nil
}

// purgeStale removes the labs of tests that died without removing them.
func purgeStale(ctx context.Context, dir string) error {
	names, err := List(dir)
	for _, name := range names {
		s, readErr := readState(filepath.Join(dir, name))
		if readErr == nil && s.Ephemeral && !s.Owner.alive() && ctx.Err() == nil {
			err = errors.Join(err, Purge(dir, name))
		}
	}
	return err
}

// union has the processes and namespaces of both.
func (s state) union(other state) state {
	s.Namespaces = slices.Concat(s.Namespaces, other.Namespaces) // removed twice does no harm
	processes := maps.Clone(s.Processes)
	for name, p := range other.Processes {
		if processes[name] != p {
			processes[name+" by another process"] = p
		}
	}
	s.Processes = processes
	return s
}

// remove ends the processes first: a switch that loses its interfaces one by
// one reconfigures itself for each. The directory goes last, and only if
// everything else is gone, so that Purge can be called again.
func (s state) remove(dir string) error {
	var all sync.WaitGroup
	errs := make(chan error, len(s.Processes))
	for name, p := range s.Processes {
		all.Go(func() {
			if err := p.kill(unix.SIGKILL); err != nil {
				errs <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}

	all.Wait()
	close(errs)
	var err error
	for e := range errs {
		err = errors.Join(err, e)
	}

	for _, name := range slices.Backward(s.Namespaces) {
		err = errors.Join(err, deleteNamespace(name))
	}

	if err != nil {
		return err
	}

	return os.RemoveAll(dir)
}
