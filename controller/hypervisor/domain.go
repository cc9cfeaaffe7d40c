package hypervisor

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// domain is a guest with its NICs as libvirt describes them.
type domain struct {
	Guest
	live   []device // of the process; empty if there is none
	config []device // of the definition; empty if there is none
	agent  bool     // a guest agent answers
}

// device is a NIC in a domain's description. It is comparable.
type device struct {
	mac    tap.MAC
	dev    string
	bridge string
	alias  string
}

// domainXML is what we read of a description (libvirt, "Domain XML format").
type domainXML struct {
	ID      string `xml:"id,attr"` // of a domain with a process
	Name    string `xml:"name"`
	UUID    string `xml:"uuid"`
	Devices struct {
		Interfaces []struct {
			MAC struct {
				Address string `xml:"address,attr"`
			} `xml:"mac"`
			Source struct {
				Bridge  string `xml:"bridge,attr"`
				Network string `xml:"network,attr"`
			} `xml:"source"`
			Target struct {
				Dev string `xml:"dev,attr"`
			} `xml:"target"`
			Alias struct {
				Name string `xml:"name,attr"`
			} `xml:"alias"`
		} `xml:"interface"`
		Channels []struct {
			Target struct {
				Name  string `xml:"name,attr"`
				State string `xml:"state,attr"`
			} `xml:"target"`
		} `xml:"channel"`
	} `xml:"devices"`
}

func parseDomain(text string) (domainXML, []device, error) {
	var d domainXML
	if err := xml.Unmarshal([]byte(text), &d); err != nil {
		return domainXML{}, nil, fmt.Errorf("the description of a domain is not XML: %w", err)
	}
	var devices []device
	for _, i := range d.Devices.Interfaces {
		mac, err := tap.ParseMAC(i.MAC.Address)
		if err != nil {
			continue // Such as that of InfiniBand.
		}
		devices = append(devices, device{mac: mac, dev: i.Target.Dev, bridge: cmp.Or(i.Source.Bridge, i.Source.Network), alias: i.Alias.Name})
	}
	return d, devices, nil
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// survey reads all domains of a host, sorted by id. Two processes do it, however many domains there are: virsh takes several
// commands in one argument, and goes on after one that fails, as when a domain vanishes meanwhile.
func (v virsh) survey(ctx context.Context, limit time.Duration) ([]domain, error) {
	mark := rand.Text()
	out, err := v.run(ctx, limit, "", "list --all --uuid; echo "+mark+"; list --all --uuid --transient; echo "+mark)
	if err != nil {
		return nil, err
	}
	all, transient, _ := strings.Cut(out, mark)
	ids := uuids(all)
	if len(ids) == 0 {
		return nil, nil
	}
	passing := uuids(transient)
	var script strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&script, "echo %[1]s state %[2]s; domstate %[2]s; echo %[1]s live %[2]s; dumpxml %[2]s; ", mark, id)
		if !slices.Contains(passing, id) {
			fmt.Fprintf(&script, "echo %[1]s config %[2]s; dumpxml %[2]s --inactive; ", mark, id)
		}
	}
	script.WriteString("echo " + mark)
	if out, err = v.run(ctx, limit, "", script.String()); err != nil {
		return nil, err
	}
	return readSurvey(out, mark)
}

func uuids(out string) []string {
	var ids []string
	for _, field := range strings.Fields(out) {
		if uuidForm.MatchString(field) {
			ids = append(ids, field)
		}
	}
	slices.Sort(ids)
	return ids
}

// readSurvey reads what the script of survey printed: each part begins with a line of the mark, what it is, and a uuid.
func readSurvey(out, mark string) ([]domain, error) {
	found := map[string]*domain{}
	for _, part := range strings.Split(out, mark)[1:] {
		head, text, _ := strings.Cut(part, "\n")
		fields := strings.Fields(head)
		if text = strings.TrimSpace(text); len(fields) != 2 || text == "" {
			continue // The last mark, or a domain that has vanished.
		}
		what, id := fields[0], fields[1]
		d := found[id]
		if d == nil {
			d = &domain{}
			found[id] = d
		}
		if what == "state" {
			d.State = text
			continue
		}
		described, devices, err := parseDomain(text)
		if err != nil {
			return nil, err
		}
		d.ID, d.Name = described.UUID, described.Name
		switch {
		case what == "config":
			d.Persistent, d.config = true, devices
		case described.ID != "": // Without a process this describes the definition.
			d.Running, d.live = true, devices
			for _, c := range described.Devices.Channels {
				d.agent = d.agent || c.Target.Name == "org.qemu.guest_agent.0" && c.Target.State == "connected"
			}
		}
	}
	var domains []domain
	for _, d := range found {
		if d.ID == "" || !d.Running && !d.Persistent {
			continue
		}
		shown := d.live
		if !d.Running {
			shown = d.config
		}
		for _, n := range shown {
			d.NICs = append(d.NICs, GuestNIC{MAC: n.mac, IfName: n.dev, Bridge: n.bridge, Ours: strings.HasPrefix(n.alias, aliasPrefix)})
		}
		domains = append(domains, *d)
	}
	slices.SortFunc(domains, func(a, b domain) int { return cmp.Compare(a.ID, b.ID) })
	return domains, nil
}
