package explain

import (
	"fmt"
	"slices"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/meter"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// unplugged says how far a hypervisor has come with a tap NIC that no switch shows, and what to do
// about it.
func (x *explainer) unplugged(s *store.Service) (health view.Health, next string) {
	if !s.Enabled {
		return view.Health{State: tap.StatePending,
			Reason: "it is plugged when the tap service is enabled"}, ""
	}
	if x.scene.NIC == nil {
		return view.Pending(tap.CodeNICAbsent, "it is not plugged on any host that is connected"),
			""
	}

	health = *x.scene.NIC
	if off := x.scene.GuestOff; off != nil {
		return health, fmt.Sprintf("start guest %s, on host %s: its definition has the NIC",
			off.Guest, off.Host)
	}
	if health.State == tap.StateError {
		next = "mend what libvirt says; the NIC is then plugged by itself. tapctl guest-list and " +
			"host-list tell which guests and hosts libvirt shows"
	}

	return health, next
}

// destination adds a service's tap NIC.
func (x *explainer) destination(s *store.Service) {
	hop := Hop{What: "destination", Health: view.Health{State: tap.StateReady}}
	c := Check{What: "the tap NIC is on bridge " + x.scene.Observer.TapBridge}
	switch s.Type {
	case tap.ServiceRemote, tap.ServicePool:
		x.elsewhere(s)
		return
	case tap.ServiceGuest:
		name := x.scene.Collector
		hop.Text = fmt.Sprintf("NIC %s (%s) of guest %s", s.MAC, s.IfName, name)
		locations := x.scene.Attachments
		if len(locations) == 0 {
			hop.Health = view.Health{State: tap.StatePending,
				Reason: "it is not plugged on any host that is connected"}
			c.Next = fmt.Sprintf("plug it into the guest: tapctl tap-service-show %s -o json has "+
				"the libvirt element in nic_xml, for virsh attach-device %s FILE --live --config",
				s.Name, name)
			if x.scene.Plugged {
				hop.Health, c.Next = x.unplugged(s)
			}
		}

		for _, l := range locations {
			hop.HostID, hop.Host, hop.Bridge, hop.Port, hop.OFPort = l.Host, x.hostName(l.Host),
				l.Bridge, l.Port, l.OFPort
			hop.Found = x.foundWords(l, s.MAC, "")
		}
	default:
		x.hostNIC(s, &hop, &c)
	}

	if hop.HostID != "" {
		at := x.at(hop.HostID, s.ID)
		x.linked(at, &hop, &c)
		hop.Count = x.delivered(at, s)
	}

	c.HostID, c.Health = hop.HostID, hop.Health
	x.check(c)
	x.out.Path = append(x.out.Path, hop)
}

// elsewhere adds a remote collector or a pool as the destination.
func (x *explainer) elsewhere(s *store.Service) {
	hop := Hop{What: "destination", Health: view.Health{State: tap.StateReady}}
	if s.Type == tap.ServicePool {
		hop.Text = fmt.Sprintf("one of %d tap services of pool %s, by connection: see tapctl "+
			"explain of each", len(s.Members), s.Name)
	} else {
		hop.Text = fmt.Sprintf("remote collector %s, by %s with key %d; whether copies arrive "+
			"there cannot be known", s.Address, s.Encap, s.Key)
	}
	x.out.Path = append(x.out.Path, hop)
}

func (x *explainer) hostNIC(s *store.Service, hop *Hop, c *Check) {
	hop.HostID, hop.Host, hop.Text = s.TargetID, x.hostName(s.TargetID),
		fmt.Sprintf("physical NIC %s of host %s", s.MAC, x.hostName(s.TargetID))

	hop.Found = "the host's facts"
	h := x.host(s.TargetID)
	if h == nil {
		return
	}

	i := slices.IndexFunc(h.Observed.NICs, func(n tap.HostNIC) bool { return n.MAC == s.MAC })
	if i < 0 {
		hop.Health = view.Health{State: tap.StateError,
			Reason: "the host has no NIC with this address"}
		c.Next = fmt.Sprintf("on host %s: tapctl host-facts | tapctl host-update %s --facts -",
			hop.Host, hop.Host)
		return
	}

	nic := h.Observed.NICs[i]
	hop.Port, hop.Bridge = nic.Name, x.scene.Observer.TapBridge
	hop.OFPort = ofport(h.Report.Snapshot, x.scene.Observer.TapBridge, nic.Name)
	if nic.UsedBy != "" {
		hop.Health = view.Health{State: tap.StateError, Reason: "it is in use: " + nic.UsedBy}
		c.Next = fmt.Sprintf("on host %s: take NIC %s out of use (%s), then send its facts "+
			"again: tapctl host-facts | tapctl host-update %s --facts -",
			hop.Host, nic.Name, nic.UsedBy, hop.Host)
	}
}

// linked looks at the tap NIC's port.
func (x *explainer) linked(at *involved, hop *Hop, c *Check) {
	if at.host == nil || hop.State != tap.StateReady {
		return
	}

	switch h := at.host; {
	case h.Observed.Refused != "":
		hop.Health = view.Health{State: tap.StateError, Reason: h.Observed.Refused}
		return
	case hop.Bridge != x.scene.Observer.TapBridge:
		hop.Health = view.Health{State: tap.StatePending,
			Reason: fmt.Sprintf("it is on bridge %s, and is moved once the host is connected",
				hop.Bridge)}
		return
	}

	for _, p := range at.host.Observed.TapPorts {
		if p.Name != hop.Port {
			continue
		}

		switch {
		case p.Error != "":
			hop.Health = view.Health{State: tap.StateError, Reason: "the switch says: " + p.Error}
			c.Next = fmt.Sprintf("on host %s: see with ip link whether device %s exists, and in "+
				"ovs-vswitchd.log why it cannot be opened", hop.Host, hop.Port)
		case p.Down != "":
			hop.Health = view.Health{State: tap.StatePending, Reason: p.Down}
			c.Next = fmt.Sprintf("on host %s: ip link set dev %s up; if that is so, look at the "+
				"cable, or the guest's side", hop.Host, hop.Port)
		}

		return
	}

	hop.Health = view.Health{State: tap.StatePending,
		Reason: fmt.Sprintf("it is not on bridge %s yet", x.scene.Observer.TapBridge)}
}

// delivered is what the tap NIC was given: what came by the tunnel, and what captures of its own
// host have.
func (x *explainer) delivered(at *involved, s *store.Service) *meter.Count {
	sum := at.passed(s.ID, leaving)
	if sum == nil {
		return nil
	}

	for capture := range x.scene.Captures[at.id] {
		if local := at.passed(capture, leaving); local != nil {
			sum.Packets, sum.Bytes = sum.Packets+local.Packets, sum.Bytes+local.Bytes
		}
	}

	return sum
}
