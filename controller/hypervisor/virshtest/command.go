package virshtest

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"libvirt.org/go/libvirtxml"
)

// Main is virsh -c URI COMMAND... and returns its exit code.
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

	// One argument is a script of commands. The last command decides the exit code.
	if len(words) > 1 {
		return f.command(words)
	}

	code := 0
	for _, one := range strings.Split(words[0], ";") {
		code = f.command(strings.Fields(one))
	}

	return code
}

// command runs one command and returns its exit code.
func (f Fake) command(words []string) (code int) {
	if words[0] == "event" {
		return f.printEvents()
	}

	f.Change(func(s *State) {
		if lines := s.run(words); len(lines) > 0 {
			for _, line := range lines {
				fmt.Fprintln(os.Stderr, "error:", line)
			}
			code = 1
		}
	})

	return code
}

// run runs a command on the state. It returns lines of error messages, none on success.
func (s *State) run(words []string) []string {
	switch words[0] {
	case "echo":
		fmt.Println(strings.Join(words[1:], " "))
		return nil
	case "list":
		s.list(slices.Contains(words, "--transient"))
		return nil
	}

	d := s.Domains[words[1]]
	if d == nil {
		return []string{fmt.Sprintf("failed to get domain '%s'", words[1])}
	}

	switch words[0] {
	case "domstate":
		fmt.Println(map[bool]string{true: "running", false: "shut off"}[d.Running] + "\n")
	case "dumpxml":
		fmt.Println(d.xml(words[1], d.Running && len(words) == 2))
	case "domifaddr":
		return d.printAddresses(words[len(words)-1])
	case "attach-device":
		return s.attach(d, words[3] == "--live")
	case "detach-device-alias":
		s.detach(d, words[3], words[4] == "--live")
	default:
		return []string{"unknown command: '" + words[0] + "'"}
	}

	return nil
}

func (s *State) list(transientOnly bool) {
	for id, d := range s.Domains {
		if !transientOnly || !d.Persistent {
			fmt.Println(id)
		}
	}
	fmt.Println()
}

// printAddresses knows the addresses of running domains from the neighbour table alone.
func (d *Domain) printAddresses(source string) []string {
	if !d.Running || source != "arp" {
		return []string{
			"Failed to query for interfaces addresses", "internal error: wrong nlmsg len",
		}
	}
	for i, n := range d.Live {
		fmt.Printf(" %-10s %-20s ipv4         10.0.0.%d/24\n", n.Dev, n.MAC, i+5)
	}
	return nil
}

// attach reads the description of a NIC from standard input.
func (s *State) attach(d *Domain, live bool) []string {
	const failed = "Failed to attach device from /dev/stdin"
	nic := readNIC()

	devices := &d.Config
	if live {
		devices = &d.Live
		if d.Slots == 0 {
			return []string{failed, "internal error: No more available PCI slots"}
		}
		d.Slots--
	}

	if slices.ContainsFunc(*devices, func(n NIC) bool { return n.Alias == nic.Alias }) {
		return []string{
			failed, "unsupported configuration: non unique alias detected: " + nic.Alias,
		}
	}

	*devices = append(*devices, nic)
	s.Events++
	fmt.Println("Device attached successfully")
	return nil
}

func readNIC() NIC {
	text, err := io.ReadAll(os.Stdin)
	var n libvirtxml.DomainInterface
	check(errors.Join(err, xml.Unmarshal(text, &n)))
	return NIC{
		MAC: n.MAC.Address, Dev: n.Target.Dev, Bridge: n.Source.Bridge.Bridge, Alias: n.Alias.Name,
	}
}

// detach accepts the request in any case. A stubborn guest does not release the NIC.
func (s *State) detach(d *Domain, alias string, live bool) {
	devices := &d.Config
	if live {
		devices = &d.Live
	}

	if !live || !d.Stubborn {
		before := len(*devices)
		*devices = slices.DeleteFunc(*devices, func(n NIC) bool { return n.Alias == alias })
		if live {
			d.Slots += before - len(*devices)
		}
		s.Events++
	}

	fmt.Println("Device detach request sent successfully")
}

// printEvents prints a line for each change, until libvirtd is down.
func (f Fake) printEvents() int {
	const pollInterval = 5 * time.Millisecond
	printed := -1
	for {
		s := f.State()
		if s.Down != "" {
			fmt.Fprintln(os.Stderr,
				"error: Disconnected from qemu+tcp://192.0.2.1/system due to I/O error")
			return 1
		}

		if printed >= 0 && s.Events != printed {
			fmt.Println("event 'lifecycle' for domain 'web1': Started Booted")
		}

		printed = s.Events
		time.Sleep(pollInterval)
	}
}

// xml describes the domain as dumpxml does, in short.
func (d *Domain) xml(id string, live bool) string {
	nics, attr := d.Config, ""
	if live {
		nics, attr = d.Live, " id='3'"
	}

	if d.Describes != "" {
		id = d.Describes
	}

	var b strings.Builder
	fmt.Fprintf(&b, "<domain type='qemu'%s>\n", attr)
	fmt.Fprintf(&b, "  <name>%s</name>\n  <uuid>%s</uuid>\n  <devices>\n", d.Name, id)
	for _, n := range nics {
		fmt.Fprintf(&b, "    <interface type='bridge'>\n      <mac address='%s'/>\n", n.MAC)
		fmt.Fprintf(&b, "      <source bridge='%s'/>\n", n.Bridge)
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
