package hypervisor

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"libvirt.org/go/libvirtxml"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// domain is a guest with its NICs as libvirt describes them.
type domain struct {
	Guest
	id     uuid.UUID // Guest.ID is its textual form
	live   []device  // NICs of the running process; empty if there is none
	config []device  // NICs of the persistent definition; empty if there is none
	agent  bool      // a guest agent is connected
}

// device is a NIC in a domain's description. It is comparable.
type device struct {
	mac    tap.MAC
	dev    string // interface on the host
	bridge string // or libvirt network
	alias  string
}

// agentChannel is the channel on which QEMU's guest agent answers.
const agentChannel = "org.qemu.guest_agent.0"

// domainXML is the part of a domain's description that is used here (libvirt, "Domain XML
// format"). The rest is not decoded, so that no element of it can make a domain unreadable.
type domainXML struct {
	ID      string `xml:"id,attr"` // set if the domain has a process
	Name    string `xml:"name"`
	UUID    string `xml:"uuid"`
	Devices struct {
		Interfaces []libvirtxml.DomainInterface `xml:"interface"`
		Channels   []libvirtxml.DomainChannel   `xml:"channel"`
	} `xml:"devices"`
}

func parseDomain(text string) (domainXML, error) {
	var d domainXML
	if err := xml.Unmarshal([]byte(text), &d); err != nil {
		return domainXML{}, fmt.Errorf("its description cannot be read: %s", printable(err.Error()))
	}
	return d, d.check()
}

// check refuses what no libvirt describes. The texts of a host end up in logs, in messages and on
// terminals.
func (d *domainXML) check() error {
	const maxText, maxNICs = 255, 256
	if !isPlain(d.Name, maxText) {
		return fmt.Errorf("its name is not plain text of at most %d bytes", maxText)
	}

	nics := d.nics()
	if len(nics) > maxNICs {
		return fmt.Errorf("it has %d NICs: at most %d are supported", len(nics), maxNICs)
	}

	for _, n := range nics {
		for _, text := range []string{n.dev, n.bridge, n.alias} {
			if !isPlain(text, maxText) {
				return fmt.Errorf("a NIC has a text that is not plain, or over %d bytes", maxText)
			}
		}
		if strings.HasPrefix(n.alias, aliasPrefix) && !aliasForm.MatchString(n.alias) {
			return fmt.Errorf("a NIC has the alias %q, which libvirt would not accept", n.alias)
		}
	}

	return nil
}

// aliasForm matches what libvirt accepts as an alias of a user.
var aliasForm = regexp.MustCompile(`^ua-[A-Za-z0-9_-]+$`)

// isPlain reports whether a text is printable and not too long.
func isPlain(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// nics returns the domain's Ethernet NICs. Interfaces with another kind of address, such as
// InfiniBand, are left out.
func (d *domainXML) nics() []device {
	var devices []device
	for _, i := range d.Devices.Interfaces {
		if i.MAC == nil {
			continue
		}

		mac, err := tap.ParseMAC(i.MAC.Address)
		if err != nil {
			continue
		}

		nic := device{mac: mac, bridge: bridgeOf(i.Source)}
		if i.Target != nil {
			nic.dev = i.Target.Dev
		}
		if i.Alias != nil {
			nic.alias = i.Alias.Name
		}

		devices = append(devices, nic)
	}

	return devices
}

// bridgeOf returns the bridge that an interface is attached to, or the name of its libvirt network
// while the bridge is not known.
func bridgeOf(source *libvirtxml.DomainInterfaceSource) string {
	switch {
	case source == nil:
		return ""
	case source.Bridge != nil:
		return source.Bridge.Bridge
	case source.Network != nil:
		return cmp.Or(source.Network.Bridge, source.Network.Network)
	default:
		return ""
	}
}

// hasAgent reports whether a guest agent is connected.
func (d *domainXML) hasAgent() bool {
	return slices.ContainsFunc(d.Devices.Channels, func(c libvirtxml.DomainChannel) bool {
		if c.Target == nil || c.Target.VirtIO == nil {
			return false
		}
		return c.Target.VirtIO.Name == agentChannel && c.Target.VirtIO.State == "connected"
	})
}

// findDomain returns the domain with an id, or nil.
func findDomain(domains []domain, id string) *domain {
	i := slices.IndexFunc(domains, func(d domain) bool { return d.ID == id })
	if i < 0 {
		return nil
	}
	return &domains[i]
}
