// Package virshtest stands in for libvirt in tests: a virsh(1) whose domains are in a file. [Build]
// makes the program, and [Fake] is the folder that holds its state. Its output is that of libvirt
// 9.0, as far as it is read.
package virshtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Env is the environment variable that names the program's folder. In it, a folder that is named
// like the host of a URI has the state of that host alone.
const Env = "TAPLINE_TEST_FAKE_VIRSH"

// Build builds the program into a folder and returns its path.
func Build(dir string) (string, error) {
	const source = "github.com/tapline-sdn/tapline/controller/hypervisor/virshtest/virsh"
	path := filepath.Join(dir, "virsh")
	out, err := exec.Command("go", "build", "-o", path, source).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build virsh: %w\n%s", err, out)
	}
	return path, nil
}

// NIC is a NIC of a domain.
type NIC struct{ MAC, Dev, Bridge, Alias string }

// Domain is a guest.
type Domain struct {
	Name                string
	Running, Persistent bool
	Live, Config        []NIC  // of the process and of the definition
	Slots               int    // free PCI slots of the process
	Stubborn            bool   // the guest does not release NICs
	Describes           string // UUID in its description, if not its own: a lie
}

// State is all that libvirt knows.
type State struct {
	Domains map[string]*Domain
	Down    string   // the error that virsh prints for every command; "" if libvirtd runs
	Hang    bool     // virsh does not end
	Calls   []string // the commands that virsh was given
	Events  int      // grows with each event
}

// Fake is a libvirt whose state is in a folder.
type Fake struct{ Dir string }

// Change reads the state, lets fn change it, and writes it. A lock keeps other processes out.
func (f Fake) Change(fn func(*State)) {
	lock, err := os.OpenFile(filepath.Join(f.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	check(err)
	defer lock.Close()
	check(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))

	state := f.State()
	fn(&state)
	text, err := json.MarshalIndent(state, "", " ")
	check(err)

	// The process may be killed at any time, so the file is replaced as a whole.
	path := filepath.Join(f.Dir, "state.json")
	check(os.WriteFile(path+".new", text, 0o600))
	check(os.Rename(path+".new", path))
}

// State reads the state.
func (f Fake) State() State {
	state := State{Domains: map[string]*Domain{}}
	text, err := os.ReadFile(filepath.Join(f.Dir, "state.json"))
	if errors.Is(err, os.ErrNotExist) {
		return state
	}
	check(errors.Join(err, json.Unmarshal(text, &state)))
	return state
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
