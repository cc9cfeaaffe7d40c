// Package virshtest is a libvirt for tests: a virsh(1) whose domains are in a file. [Build] makes the program, and [Fake] is the
// folder of its state. What it prints is as libvirt 9.0 prints it, where somebody reads it.
package virshtest

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Env is the variable of the environment that tells the program its folder.
const Env = "TAPLINE_TEST_FAKE_VIRSH"

// Build builds the program into a folder and returns its path.
func Build(dir string) (string, error) {
	path := filepath.Join(dir, "virsh")
	out, err := exec.Command("go", "build", "-o", path, "github.com/tapline-sdn/tapline/controller/hypervisor/virshtest/virsh").CombinedOutput()
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
	Live, Config        []NIC
	Slots               int  // free ones of the process
	Stubborn            bool // its guest does not release NICs
}

// State is everything that the libvirt knows.
type State struct {
	Domains map[string]*Domain
	Down    string // what virsh complains of whatever it is asked; "" if libvirtd runs
	Hang    bool   // virsh does not end
	Calls   []string
	Events  int // grows with each event
}

// Fake is a libvirt whose state is in a folder.
type Fake struct{ Dir string }

// Change reads the state, has it changed, and writes it, apart from all other processes.
func (f Fake) Change(fn func(*State)) {
	lock, err := os.OpenFile(filepath.Join(f.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	check(err)
	defer lock.Close()
	check(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	state := f.State()
	fn(&state)
	text, err := json.MarshalIndent(state, "", " ")
	check(err)
	// Whole or not at all: the process may be killed.
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

// Main is virsh -c URI COMMAND... and returns its exit code; output and complaints are as libvirt 9.0 has them.
func (f Fake) Main(args []string) int {
	if len(args) < 3 || args[0] != "-c" {
		fmt.Fprintln(os.Stderr, "unexpected arguments:", args)
		return 2
	}
	words := args[2:]
	var down string
	var hang bool
	f.Change(func(s *State) {
		s.Calls = append(s.Calls, strings.Join(words, " "))
		down, hang = s.Down, s.Hang
	})
	if hang {
		time.Sleep(time.Hour)
	}
	if down != "" {
		fmt.Fprintf(os.Stderr, "error: failed to connect to the hypervisor\nerror: %s\n", down)
		return 1
	}
	if len(words) > 1 {
		return f.command(words)
	}
	code := 0
	for _, one := range strings.Split(words[0], ";") {
		code = f.command(strings.Fields(one))
	}
	return code
}

func (f Fake) command(words []string) (code int) {
	complain := func(lines ...string) {
		for _, line := range lines {
			fmt.Fprintln(os.Stderr, "error:", line)
		}
		code = 1
	}
	if words[0] == "event" {
		return f.events()
	}
	f.Change(func(s *State) {
		var d *Domain
		if len(words) > 1 && words[0] != "list" && words[0] != "echo" {
			if d = s.Domains[words[1]]; d == nil {
				complain(fmt.Sprintf("failed to get domain '%s'", words[1]))
				return
			}
		}
		switch words[0] {
		case "echo":
			fmt.Println(strings.Join(words[1:], " "))
		case "list":
			for id, d := range s.Domains {
				if !slices.Contains(words, "--transient") || !d.Persistent {
					fmt.Println(id)
				}
			}
			fmt.Println()
		case "domstate":
			fmt.Println(map[bool]string{true: "running", false: "shut off"}[d.Running] + "\n")
		case "dumpxml":
			fmt.Println(d.xml(words[1], d.Running && len(words) == 2))
		case "domifaddr":
			if d.Running && words[len(words)-1] == "arp" {
				for i, n := range d.Live {
					fmt.Printf(" %-10s %-20s ipv4         10.0.0.%d/24\n", n.Dev, n.MAC, i+5)
				}
				return
			}
			complain("Failed to query for interfaces addresses", "internal error: wrong nlmsg len")
		case "attach-device":
			var n struct {
				MAC struct {
					Address string `xml:"address,attr"`
				} `xml:"mac"`
				Source struct {
					Bridge string `xml:"bridge,attr"`
				} `xml:"source"`
				Target struct {
					Dev string `xml:"dev,attr"`
				} `xml:"target"`
				Alias struct {
					Name string `xml:"name,attr"`
				} `xml:"alias"`
			}
			text, err := io.ReadAll(os.Stdin)
			check(errors.Join(err, xml.Unmarshal(text, &n)))
			nic := NIC{n.MAC.Address, n.Target.Dev, n.Source.Bridge, n.Alias.Name}
			to := &d.Config
			if words[3] == "--live" {
				to = &d.Live
				if d.Slots--; d.Slots < 0 {
					d.Slots = 0
					complain("Failed to attach device from /dev/stdin", "internal error: No more available PCI slots")
					return
				}
			}
			if slices.ContainsFunc(*to, func(n NIC) bool { return n.Alias == nic.Alias }) {
				complain("Failed to attach device from /dev/stdin", "unsupported configuration: non unique alias detected: "+nic.Alias)
				return
			}
			*to = append(*to, nic)
			s.Events++
			fmt.Println("Device attached successfully")
		case "detach-device-alias":
			from := &d.Config
			if words[4] == "--live" {
				from = &d.Live
			}
			if words[4] == "--config" || !d.Stubborn {
				before := len(*from)
				*from = slices.DeleteFunc(*from, func(n NIC) bool { return n.Alias == words[3] })
				if words[4] == "--live" {
					d.Slots += before - len(*from)
				}
				s.Events++
			}
			fmt.Println("Device detach request sent successfully")
		default:
			complain("unknown command: '" + words[0] + "'")
		}
	})
	return code
}

// events prints a line for each change, until libvirtd is down.
func (f Fake) events() int {
	told := -1
	for {
		s := f.State()
		if s.Down != "" {
			fmt.Fprintln(os.Stderr, "error: Disconnected from qemu+tcp://192.0.2.1/system due to I/O error")
			return 1
		}
		if told >= 0 && s.Events != told {
			fmt.Println("event 'lifecycle' for domain 'web1': Started Booted")
		}
		told = s.Events
		time.Sleep(5 * time.Millisecond)
	}
}

// xml describes the domain as dumpxml does, in short.
func (d *Domain) xml(id string, live bool) string {
	var b strings.Builder
	nics, attr := d.Config, ""
	if live {
		nics, attr = d.Live, " id='3'"
	}
	fmt.Fprintf(&b, "<domain type='qemu'%s>\n  <name>%s</name>\n  <uuid>%s</uuid>\n  <devices>\n", attr, d.Name, id)
	for _, n := range nics {
		fmt.Fprintf(&b, "    <interface type='bridge'>\n      <mac address='%s'/>\n      <source bridge='%s'/>\n", n.MAC, n.Bridge)
		if n.Dev != "" {
			fmt.Fprintf(&b, "      <target dev='%s'/>\n", n.Dev)
		}
		if n.Alias != "" {
			fmt.Fprintf(&b, "      <alias name='%s'/>\n", n.Alias)
		}
		b.WriteString("    </interface>\n")
	}
	b.WriteString("  </devices>\n</domain>\n")
	return b.String()
}
