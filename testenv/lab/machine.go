//go:build linux

package lab

import (
	"context"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tapline-sdn/tapline/testenv/initramfs"
)

// bootGrace bounds how long a machine takes to boot: 3 s where nothing else runs.
const bootGrace = 90 * time.Second

// Machine is a virtual machine under a host's libvirt, without KVM. Its one NIC is on br0. It
// reports its NICs and the frames that it receives on a serial port; see guestinit.
type Machine struct {
	Name string
	ID   string // libvirt's uuid
	MAC  MAC
	Host *Host // where it is defined; a caller that migrates it by libvirt sets the new one

	console string // file of the serial port, the same path on all hosts
}

// MachineConfig says what machine to make.
type MachineConfig struct {
	// Ports is the number of PCIe root ports that are free for NICs to be plugged.
	Ports int
	// Bare leaves the machine without an operating system: it does not answer when a NIC is to
	// leave.
	Bare bool
}

// KernelDir holds vmlinuz and the modules of a virtual machine's kernel: $TAPLINE_LAB_KERNEL, or
// /var/cache/tapline-lab.
func KernelDir() string {
	if dir := os.Getenv("TAPLINE_LAB_KERNEL"); dir != "" {
		return dir
	}
	return "/var/cache/tapline-lab"
}

// AddMachine defines a machine on the host, which has libvirt, and leaves it off.
func (h *Host) AddMachine(ctx context.Context, name string, c MachineConfig) (*Machine, error) {
	initrd := filepath.Join(h.lab.Dir, "initrd")
	if _, err := os.Stat(initrd); err != nil && !c.Bare {
		if err := buildInitrd(ctx, initrd); err != nil {
			return nil, err
		}
	}

	m := &Machine{Name: name, Host: h, ID: uuid.NewSHA1(uuid.NameSpaceOID,
		[]byte(h.lab.Name+"/"+name)).String(), console: filepath.Join(h.lab.Dir, name+".console")}

	err := h.lab.update(func() {
		h.lab.state.NextNIC++
		m.MAC = guestMAC(h.lab.state.NextNIC)
	})
	if err != nil {
		return nil, err
	}

	var d strings.Builder
	fmt.Fprintf(&d, "<domain type='qemu'><name>%s</name><uuid>%s</uuid><memory "+
		"unit='MiB'>96</memory><vcpu>1</vcpu>", m.Name, m.ID)

	d.WriteString("<os><type arch='x86_64' machine='q35'>hvm</type>")
	if !c.Bare {
		fmt.Fprintf(&d, "<kernel>%s</kernel><initrd>%s</initrd><cmdline>console=ttyS0 quiet "+
			"edd=off ipv6.disable=1 panic=1</cmdline>",
			filepath.Join(KernelDir(), "vmlinuz"), initrd)
	}

	d.WriteString("</os><features><acpi/></features><devices><controller type='pci' " +
		"model='pcie-root'/>")

	d.WriteString(strings.Repeat("<controller type='pci' model='pcie-root-port'/>", c.Ports+1))
	fmt.Fprintf(&d, "<controller type='usb' model='none'/><memballoon model='none'/><serial "+
		"type='file'><source path='%s.boot' append='on'/><target port='0'/></serial>"+
		"<serial type='file'><source path='%s' append='on'/><target port='1'/></serial>", m.console,
		m.console)

	fmt.Fprintf(&d, "<interface type='bridge'><mac address='%s'/><source "+
		"bridge='%s'/><virtualport type='openvswitch'/>"+
		"<target dev='m-%s'/><model type='virtio'/><rom "+
		"enabled='no'/></interface></devices></domain>", m.MAC, WireBridge, m.Name)

	path := filepath.Join(h.lab.Dir, name+".xml")
	if err := os.WriteFile(path, []byte(d.String()), 0o644); err != nil {
		return nil, err
	}
	if _, err := h.Virsh("define", path); err != nil {
		return nil, err
	}

	return m, nil
}

// Start starts the machine and waits until its operating system runs.
func (m *Machine) Start(ctx context.Context) error {
	begin := len(m.Tells())
	if _, err := m.Host.Virsh("start", m.Name); err != nil {
		return err
	}

	out, err := m.Host.Virsh("dumpxml", m.Name)
	if err != nil {
		return err
	}

	if !strings.Contains(out, "<kernel>") {
		return nil
	}

	ctx, cancel := context.WithTimeout(ctx, bootGrace)
	defer cancel()
	return waitFor(ctx, "machine "+m.Name, func() bool {
		return slices.ContainsFunc(m.Tells()[begin:], func(line string) bool {
			return strings.HasPrefix(line, "nic ") && strings.HasSuffix(line, m.MAC.String())
		})
	})
}

// Stop takes the machine's power away.
func (m *Machine) Stop() error {
	_, err := m.Host.Virsh("destroy", m.Name)
	return err
}

// MigrateTo moves the running machine and its definition.
func (m *Machine) MigrateTo(to *Host) error {
	_, err := m.Host.Virsh("migrate", "--live", "--persistent", "--undefinesource", m.Name,
		to.LibvirtURI(), "tcp://"+to.MgmtIP.String())
	if err == nil {
		m.Host = to
	}
	return err
}

// MachineNIC is a NIC as libvirt has it.
type MachineNIC struct {
	Device, Bridge, MAC string
}

// NICs are those of the running machine, or of its definition.
func (m *Machine) NICs(running bool) ([]MachineNIC, error) {
	args := []string{"dumpxml", m.Name}
	if !running {
		args = append(args, "--inactive")
	}

	text, err := m.Host.Virsh(args...)
	if err != nil {
		return nil, err
	}

	var d struct {
		Interfaces []struct {
			MAC struct {
				Address string `xml:"address,attr"`
			} `xml:"mac"`
			Source struct {
				Bridge string `xml:"bridge,attr"`
			} `xml:"source"`
			Target struct {
				Dev string `xml:"dev,attr"`
			} `xml:"target"`
		} `xml:"devices>interface"`
	}
	if err := xml.Unmarshal([]byte(text), &d); err != nil {
		return nil, err
	}

	var nics []MachineNIC
	for _, i := range d.Interfaces {
		nics = append(nics, MachineNIC{i.Target.Dev, i.Source.Bridge, i.MAC.Address})
	}

	return nics, nil
}

// Tells returns the complete lines that the machine has reported.
func (m *Machine) Tells() []string {
	text, err := os.ReadFile(m.console)
	if err != nil {
		return nil
	}
	lines := strings.Split(strings.ReplaceAll(string(text), "\r", ""), "\n")
	return lines[:len(lines)-1]
}

// Devices are the machine's NICs as its operating system sees them since it was last started: MAC
// by name.
func (m *Machine) Devices() map[string]string {
	devices := map[string]string{}
	for _, line := range m.Tells() {
		fields := strings.Fields(line)
		switch {
		case line == "start":
			clear(devices)
		case len(fields) == 3 && fields[0] == "nic":
			devices[fields[1]] = fields[2]
		case len(fields) == 2 && fields[0] == "gone":
			delete(devices, fields[1])
		}
	}

	return devices
}

// Frames are those that reached the NIC of an address, in their order.
func (m *Machine) Frames(mac string) [][]byte {
	var frames [][]byte
	for _, line := range m.Tells() {
		if text, ok := strings.CutPrefix(line, "frame "+mac+" "); ok {
			if frame, err := hex.DecodeString(text); err == nil {
				frames = append(frames, frame)
			}
		}
	}
	return frames
}

// buildInitrd makes the machines' initramfs.
func buildInitrd(ctx context.Context, path string) error {
	init := path + ".init"
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", init,
		"github.com/tapline-sdn/tapline/testenv/lab/guestinit")

	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if _, err := output(ctx, cmd); err != nil {
		return fmt.Errorf("build the machines' init: %w", err)
	}

	program, err := os.ReadFile(init)
	if err != nil {
		return err
	}

	var archive initramfs.Archive
	archive.Folder("sys")
	archive.Device("dev/console", 5, 1)
	archive.File("init", program)

	modules, err := filepath.Glob(filepath.Join(KernelDir(), "*.ko"))
	if err != nil {
		return err
	}

	for _, module := range modules {
		if err := archive.Copy("modules/"+filepath.Base(module), module); err != nil {
			return err
		}
	}

	return os.WriteFile(path, archive.Bytes(), 0o644)
}
