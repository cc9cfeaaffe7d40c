package change

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// NewHost checks a host that is being registered, and gives it an id if it has none. It returns the
// record of the same host, deleted and not cleaned yet, that the new one replaces; nil if there is
// none.
func (c *Checker) NewHost(h *store.Host) (tombstone *store.Host, err error) {
	h.Meta = store.Meta{Request: h.Request, AppliedBy: h.AppliedBy}
	tombstone = c.tombstone(h)
	if tombstone != nil && h.ID == "" {
		h.ID = tombstone.ID // Services and flows that may still copy there are known by it.
	} else if h.ID == "" {
		h.ID = uuid.NewString()
	} else if err := intent.CheckWord("id", h.ID); err != nil {
		return nil, err
	}

	if other := c.intent.Hosts.Find(h.ID); other != nil && other != tombstone {
		return nil, view.Errorf(view.Conflict, "id", "host %q already exists", h.ID)
	}
	if err := c.host(h); err != nil {
		return nil, err
	}
	return tombstone, c.tunnelIPIsFree(h)
}

// ChangedHost checks a host whose record is being changed.
func (c *Checker) ChangedHost(h, before *store.Host) error {
	if h.ID != before.ID {
		return view.Errorf(view.Invalid, "id", "the id of a host cannot be changed")
	}
	if err := c.host(h); err != nil || h.TunnelIP == before.TunnelIP {
		return err
	}
	return c.tunnelIPIsFree(h)
}

// host checks the record of a host.
func (c *Checker) host(h *store.Host) error {
	if _, err := client.ParseTarget(h.OVSDB); err != nil {
		return view.Errorf(view.Invalid, "ovsdb", "%v", err)
	}
	if ip := h.TunnelIP; ip.IsValid() && (ip.IsUnspecified() || ip.IsMulticast() ||
		ip.IsLoopback() || ip.Zone() != "") {
		return view.Errorf(view.Invalid, "tunnel_ip",
			"%s is no address that other hosts can send to", ip)
	}

	h.TunnelIP = h.TunnelIP.Unmap()
	for wire, bridge := range h.Wires {
		if err := intent.CheckWord("wires", wire); err != nil {
			return err
		}
		if bridge == "" || len(bridge) > 15 {
			return view.Errorf(view.Invalid, "wires",
				"wire %s: %q is not a bridge name of 1 to 15 characters", wire, bridge)
		}
		if bridge == c.fleet.Observer.TapBridge {
			return view.Errorf(view.Invalid, "wires",
				"wire %s: bridge %s carries the copies, not a wire", wire, bridge)
		}
	}

	if err := checkHostNICs(h.NICs); err != nil {
		return err
	}
	return c.hostIsAlone(h)
}

// checkHostNICs checks the physical NICs of a host.
func checkHostNICs(nics []store.HostNIC) error {
	names, addresses := map[string]bool{}, map[tap.MAC]bool{}
	for i, n := range nics {
		field := fmt.Sprintf("nics[%d]", i)
		switch {
		case n.Name == "" || len(n.Name) > 15:
			return view.Errorf(view.Invalid, field+".name",
				"%q is not an interface name of 1 to 15 characters", n.Name)
		case n.MAC.IsZero() || n.MAC.IsMulticast():
			return view.Errorf(view.Invalid, field+".mac", "NIC %s has no unicast address", n.Name)
		case names[n.Name]:
			return view.Errorf(view.Invalid, field+".name", "NIC %s is given twice", n.Name)
		case addresses[n.MAC] && n.UsedBy == "":
			return view.Errorf(view.Invalid, field+".mac", "two NICs have address %s", n.MAC)
		}

		names[n.Name], addresses[n.MAC] = true, n.UsedBy == ""
	}

	return nil
}

// hostIsAlone checks that no other host has the OVSDB target or the tunnel address of a host.
func (c *Checker) hostIsAlone(h *store.Host) error {
	for _, o := range c.intent.Hosts.ByID {
		if o.ID == h.ID {
			continue
		}
		if o.OVSDB == h.OVSDB {
			return view.Errorf(view.Conflict, "ovsdb", "%s already is host %s", h.OVSDB, o.Name)
		}
		if o.TunnelIP == h.TunnelIP && h.TunnelIP.IsValid() {
			return view.Errorf(view.Conflict, "tunnel_ip", "%s already is that of host %s",
				h.TunnelIP, o.Name)
		}
	}

	return nil
}

// tunnelIPIsFree refuses a tunnel address that another host's switch shows.
func (c *Checker) tunnelIPIsFree(h *store.Host) error {
	for id, other := range c.fleet.Running {
		if id != h.ID && h.TunnelIP.IsValid() && other.Observed.Host.TunnelIP == h.TunnelIP {
			return view.Errorf(view.Conflict, "tunnel_ip", "%s already is that of host %s",
				h.TunnelIP, c.intent.HostName(id))
		}
	}
	return nil
}

// tombstone returns the deleted host, not cleaned yet, that has the OVSDB target of a host that is
// being registered, and its id if one is given; nil if there is none.
func (c *Checker) tombstone(h *store.Host) *store.Host {
	for _, o := range c.intent.Hosts.ByID {
		if o.Deleting && o.OVSDB == h.OVSDB && (h.ID == "" || h.ID == o.ID) {
			return o
		}
	}
	return nil
}

// HostFree refuses to delete a host to which something refers, or that has tap NICs of guests.
func (c *Checker) HostFree(h *store.Host) error {
	if err := c.Unused(h.ID, "host "+h.Name); err != nil {
		return err
	}
	if s, nic := c.pluggedAt(h.ID); s != "" {
		return view.Errorf(view.Conflict, "",
			"NIC %s of tap service %s is plugged on host %s; delete that service, or unplug the "+
				"NIC first",
			nic, s, h.Name)
	}
	return c.defined(h)
}

// pluggedAt names a tap service of a guest whose NIC is plugged on a host, and the port; "" if
// there is none. The NIC would lose its tap bridge with the host.
func (c *Checker) pluggedAt(host string) (service, port string) {
	for _, s := range c.intent.Services.ByID {
		if s.Deleting {
			continue
		}
		for _, at := range c.places.Attachment(&s.Service).Locations {
			if at.Host == host {
				return s.Name, at.Port
			}
		}
	}

	return "", ""
}

// defined refuses to delete a host with a guest, perhaps off, whose definition has a tap NIC. The
// definition names the tap bridge, so the guest would no longer start there.
func (c *Checker) defined(record *store.Host) error {
	g, service := c.fleet.Defined(record.ID)
	if g == nil {
		return nil
	}
	return view.Errorf(view.Conflict, "",
		"guest %s on host %s has NIC %s of tap service %s, and would not start without bridge %s; "+
			"delete that service first, or move the guest",
		g.Name, record.Name, service.IfName, service.Name, c.fleet.Observer.TapBridge)
}
