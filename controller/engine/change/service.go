package change

import (
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/tapline-sdn/tapline/controller/engine/standing"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// NewService fills in the record of a tap service that is being created: its id, its target or
// members, and for a guest the address and name of its NIC. It is disabled. Only that of a remote
// collector has a key already.
func (c *Checker) NewService(s *store.Service) error {
	s.ID, s.Enabled = uuid.NewString(), false
	s.Meta = store.Meta{Request: s.Request, AppliedBy: s.AppliedBy}

	switch s.Type {
	case tap.ServiceRemote:
		if !s.KeyChosen {
			s.Key = c.freeKey(&s.Service)
		}
		return nil
	case tap.ServicePool:
		return c.resolveMembers(&s.Service)
	}

	if s.TargetID == "" {
		return view.Errorf(view.Invalid, "target_id",
			"is missing: want the %s that collects", s.Type)
	}
	if s.Type == tap.ServiceHost {
		var known bool
		if s.TargetID, known = c.HostID(s.TargetID); !known {
			return view.Errorf(view.Invalid, "target_id", "there is no host %q", s.TargetID)
		}
		return nil
	}

	var err error
	if s.TargetID, err = c.GuestRef("target_id", s.TargetID, view.Invalid); err != nil {
		return err
	}
	if s.Type == tap.ServiceGuest {
		c.nameNIC(&s.Service)
		return c.nicIsFree(&s.Service)
	}
	return nil
}

// freeKey is the lowest key from 1 on that no other service at the address of a remote collector
// has.
func (c *Checker) freeKey(s *tap.Service) uint32 {
	used := map[uint32]bool{}
	for _, o := range c.intent.Services.ByID {
		if o.Type == tap.ServiceRemote && o.Address == s.Address && o.Encap == s.Encap {
			used[o.Key] = true
		}
	}

	key := uint32(1)
	for used[key] {
		key++
	}
	return key
}

// resolveMembers turns the names of a pool's members into ids, and sorts them.
func (c *Checker) resolveMembers(s *tap.Service) error {
	ids := make([]string, 0, len(s.Members))
	for i, ref := range s.Members {
		member := c.intent.Services.Find(ref)
		if member == nil || member.Deleting {
			return view.Errorf(view.Invalid, fmt.Sprintf("members[%d]", i),
				"there is no tap service %q", ref)
		}
		ids = append(ids, member.ID)
	}

	slices.Sort(ids)
	s.Members = ids
	return nil
}

// nicIsFree refuses an address for a tap NIC that is something else's.
func (c *Checker) nicIsFree(s *tap.Service) error {
	for _, p := range c.places.PortsOf(s.MAC, "") {
		if p.Bridge == c.fleet.Observer.TapBridge {
			continue
		}
		if use := standing.NICUse(c.intent, c.places, s, &p, true); use != "" {
			return view.Errorf(view.Conflict, "mac_addr",
				"address %s is that of port %s on bridge %s of host %s, which is %s; the tap NIC "+
					"is an extra one", s.MAC, p.Name, p.Bridge, c.intent.HostName(p.Host), use)
		}
	}
	return nil
}

// ChangedService checks a tap service whose record is being changed, and resolves its members.
func (c *Checker) ChangedService(s, before *store.Service) error {
	if s.ID != before.ID || s.Type != before.Type || s.TargetID != before.TargetID ||
		s.MAC != before.MAC || s.IfName != before.IfName || s.Key != before.Key ||
		s.Address != before.Address || s.Encap != before.Encap || s.Port != before.Port {
		return view.Errorf(view.Invalid, "", "type, target, NIC, address and key of a tap service "+
			"cannot be changed; create another one instead")
	}

	if slices.Equal(s.Members, before.Members) {
		return nil
	}
	if s.Type != tap.ServicePool {
		return view.Errorf(view.Invalid, "members", "only a pool has members, and tap service %s "+
			"is of type %s", s.Name, s.Type)
	}
	return c.resolveMembers(&s.Service)
}

// nameNIC allocates the interface name of a tap NIC, and its address unless the user chose one.
func (c *Checker) nameNIC(s *tap.Service) {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	for {
		var random [12]byte
		_, _ = rand.Read(random[:]) // It never fails.
		mac := s.MAC
		if mac.IsZero() {
			// Locally administered and unicast; nobody can guess the other 46 bits.
			mac = tap.MAC(random[6:])
			mac[0] = mac[0]&^3 | 2
		}

		name := []byte("tap")
		for _, b := range random[:6] {
			name = append(name, letters[int(b)%len(letters)])
		}

		if c.places.NameTaken(string(name)) ||
			s.MAC.IsZero() && len(c.places.PortsOf(mac, "")) > 0 {
			continue
		}

		s.MAC, s.IfName = mac, string(name)
		return
	}
}

// Unfed refuses to delete a service that flows feed, but for those that are being deleted.
func (c *Checker) Unfed(s *store.Service) error {
	flows := c.intent.FlowsTo(s.ID)
	switch len(flows) {
	case 0:
		return c.inNoPool(s)
	case 1:
		return view.Errorf(view.Conflict, "",
			"tap service %s is where tap flow %s goes; delete that first",
			s.Name, c.intent.Flows.ByID[flows[0]].Name)
	}

	return view.Errorf(view.Conflict, "",
		"tap service %s still has %d tap flows, such as %s; delete them first",
		s.Name, len(flows), c.intent.Flows.ByID[flows[0]].Name)
}

// inNoPool refuses to delete a service that is a member of a pool.
func (c *Checker) inNoPool(s *store.Service) error {
	for _, pool := range c.intent.Services.ByID {
		if !pool.Deleting && slices.Contains(pool.Members, s.ID) {
			return view.Errorf(view.Conflict, "",
				"tap service %s is a member of pool %s; take it out of the pool first "+
					"(tapctl tap-service-update %s --member ...)", s.Name, pool.Name, pool.Name)
		}
	}
	return nil
}
