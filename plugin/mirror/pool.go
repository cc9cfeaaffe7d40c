package mirror

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// A pool spreads connections over slots, and each slot belongs to one member. Whose it is follows
// from a hash of the slot and each member (rendezvous hashing): a member that is lost leaves its
// own slots to others and no other slot changes hands, and one that is added takes some from each.

const (
	poolSlots = 64

	memberRegister = 4 // holds the mark of the member that a packet goes to
	slotRegister   = 3 // holds the slot where multipath has computed it
)

// memberMark is the value of a register that stands for a member of a pool. It is never 0.
func memberMark(service string) uint32 { return max(hash32(service), 1) }

// slotOwners returns the place in a list of services of the owner of each slot.
func slotOwners(services []string) (owners [poolSlots]int) {
	for slot := range owners {
		var most uint64
		for i, id := range services {
			sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", slot, id))
			if rank := binary.BigEndian.Uint64(sum[:]); rank > most {
				owners[slot], most = i, rank
			}
		}
	}
	return owners
}

// memberIDs are the ready members of a pool, sorted.
func (d destination) memberIDs() []string { return idList(d.members) }

// allMemberIDs are all members of a pool, sorted.
func (d destination) allMemberIDs() []string { return idList(d.all) }

// idList reads ids that are each followed by NUL.
func idList(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\x00"), "\x00")
}

// readyMembers are the members of a pool that have slots; none of other services.
func (p *Planner) readyMembers(s *tap.Service) (members []*tap.Service) {
	if s.Type != tap.ServicePool {
		return nil
	}
	for _, id := range p.destinations[s.ID].memberIDs() {
		if member := p.world.services[id]; member != nil {
			members = append(members, member)
		}
	}
	return members
}

// poolDestination resolves a pool by the destinations of its members.
func (p *Planner) poolDestination(s *tap.Service) destination {
	if !s.Enabled {
		return destination{resolution: pending(because(tap.CodeServiceDisabled,
			"tap service %s is disabled", s.Name))}
	}

	all := strings.Join(s.Members, "\x00") + "\x00"
	var ready, unready strings.Builder
	for _, id := range s.Members {
		why := p.memberTrouble(id)
		if why.uncertain {
			return destination{resolution: why, all: all}
		}
		if why.ok() {
			ready.WriteString(id + "\x00")
			continue
		}
		if unready.Len() > 0 {
			unready.WriteString("; ")
		}
		fmt.Fprintf(&unready, "member %s is not ready: %s", p.serviceName(id), why.text)
	}

	if ready.Len() == 0 {
		return destination{all: all, resolution: pending(because(tap.CodePoolEmpty,
			"no member of the pool is ready: %s", unready.String()))}
	}
	return destination{members: ready.String(), all: all, unready: unready.String()}
}

func (p *Planner) serviceName(id string) string {
	if s := p.world.services[id]; s != nil {
		return s.Name
	}
	return id
}

// memberTrouble says why a member of a pool has no slots; ok if it has.
func (p *Planner) memberTrouble(id string) resolution {
	to, known := p.destinations[id]
	switch {
	case !known:
		return pending(because(tap.CodeServiceAbsent, "the tap service does not exist"))
	case to.disputed != (reason{}):
		return failed(to.disputed)
	case !to.ok():
		return to.resolution
	case to.down != (reason{}):
		return pending(to.down)
	}

	if host := p.world.cutFrom(to); host != nil {
		return pending(because(tap.CodeNoNeighbour, "nothing that host %s sends arrives there",
			host.Name))
	}
	return resolution{}
}

// cutFrom returns a host from which nothing arrives at a destination at present; nil if there is
// none. All hosts leave such a member out, since each connection must go to one member wherever it
// is seen.
func (w *world) cutFrom(to destination) *tap.Host {
	addr := to.collector.addr
	if to.tunnel != nil {
		addr = to.tunnel.addr
	}
	if !addr.IsValid() {
		return nil
	}

	for _, id := range sortedKeys(w.cuts[addr]) {
		return w.hosts[id]
	}
	return nil
}

// noteCuts notes to which addresses nothing passes from a host, and returns those of which that is
// news.
func (w *world) noteCuts(h *tap.Host) (news []string) {
	for addr, hosts := range w.cuts {
		if _, was := hosts[h.ID]; was && !cutTo(h, addr) {
			w.cuts.remove(addr, h.ID)
			news = append(news, w.destinationsAt(addr)...)
		}
	}
	for _, path := range h.Paths {
		if _, was := w.cuts[path.Addr][h.ID]; path.Cut && !was {
			w.cuts.add(path.Addr, h.ID)
			news = append(news, w.destinationsAt(path.Addr)...)
		}
	}
	return news
}

// cutTo reports whether nothing passes from a host to an address.
func cutTo(h *tap.Host, addr netip.Addr) bool {
	return slices.ContainsFunc(h.Paths, func(p tap.Path) bool { return p.Addr == addr && p.Cut })
}

// destinationsAt are the services that are delivered to an address: remote collectors there, and
// members of pools whose tap NIC is on the host of that tunnel address.
func (w *world) destinationsAt(addr netip.Addr) (services []string) {
	for id := range w.collectorsAt[addr] {
		services = append(services, id)
	}
	for id, h := range w.hosts {
		if h.TunnelIP == addr {
			services = append(services, w.servicesAtHost[id]...)
			services = append(services, w.servicesSeenAt[id]...)
		}
	}
	return services
}

// resolveServices resolves the services that are touched, and then the pools that have one of them
// as a member.
func (p *Planner) resolveServices(t touched) {
	pools := set{}
	for id := range t.services {
		if s := p.world.services[id]; s != nil && s.Type == tap.ServicePool ||
			p.destinations[id].all != "" {
			pools.add(id)
			continue
		}
		if p.resolveService(id, t); len(p.world.poolsOf[id]) > 0 {
			for _, pool := range p.world.poolsOf[id] {
				pools.add(pool)
			}
		}
	}

	for id := range pools {
		t.services.add(id)
		p.resolveService(id, t)
		// A member may be reached in another way, though it has the slots that it had.
		for flow := range p.world.flowsOfService[id] {
			t.flows.add(flow)
		}
	}
}

// feeding are the sums of the flows whose copies may reach a service: its own, and those of pools
// that it is a member of. A member that has lost its slots is among them, since it gets them back
// by a probe that arrives there.
func (p *Planner) feeding(service string) (tallies []*senderTally) {
	for _, id := range append([]string{service}, p.world.poolsOf[service]...) {
		enabled := id == service || p.world.services[id].Enabled
		if t := p.senderTallies[id]; t != nil && enabled {
			tallies = append(tallies, t)
		}
	}
	return tallies
}

// addPool adds the flows that choose a member for each packet of a capture.
//
// A select group hashes addresses and ports, the same for both directions of a connection: on the
// userspace datapath all hosts compute the same. On the kernel's each has a seed of its own, and
// before Linux 6.5 the directions differ. There, and behind a sample, whose group uses the same
// hash, multipath hashes the addresses alone.
func (t *flowTables) addPool(c *capture, in *objectInputs) {
	ids := make([]string, len(c.legs))
	for i := range c.legs {
		ids[i] = c.legs[i].service.ID
	}

	owners := slotOwners(ids)
	if in.hashed {
		t.addMultipath(c, in, owners)
		return
	}

	id, mark := 1+hash32("pool "+c.id)%maxGroup, tag(kindCapture, c.id)
	group := tap.GroupEntry{Owner: c.id, Mod: openflow.GroupMod{
		Group: openflow.GroupTypeSelect, ID: id,
	}}
	for _, owner := range owners {
		group.Mod.Buckets = append(group.Mod.Buckets, openflow.Bucket{
			Weight: 1, Actions: []action.Action{
				action.SetField{Field: oxm.Reg(memberRegister, in.legs[owner].member)},
				action.Resubmit{InPort: openflow.PortInPort, Table: tableDeliver},
			},
		})
	}

	t.groups = append(t.groups, group)
	t.add(c.id, mark, tablePool, prioritySpecific, oxm.Match{oxm.Metadata(mark)},
		action.ApplyActions{action.Group{ID: id}})
}

// addMultipath adds a flow that computes the slot of a packet, and one for each slot.
func (t *flowTables) addMultipath(c *capture, in *objectInputs, owners [poolSlots]int) {
	mark := tag(kindCapture, c.id)
	t.add(c.id, mark, tablePool, prioritySpecific, oxm.Match{oxm.Metadata(mark)},
		action.ApplyActions{action.Multipath{
			Fields: action.HashSymmetricL3, Algorithm: action.LinkModuloN, Links: poolSlots,
			Dst: oxm.Subfield{Field: oxm.FieldReg3, Bits: 32},
		}}, action.GotoTable{Table: tableSlot})

	for slot, owner := range owners {
		t.add(c.id, mark, tableSlot, prioritySpecific,
			oxm.Match{oxm.Metadata(mark), oxm.Reg(slotRegister, uint32(slot))},
			action.ApplyActions{action.SetField{
				Field: oxm.Reg(memberRegister, in.legs[owner].member),
			}}, action.GotoTable{Table: tableDeliver})
	}
}

// addLostPeers has the paths to members probed that have lost their slots because nothing arrives
// there: they get them back when a probe arrives.
func (b *programBuilder) addLostPeers(c *capture) {
	for _, id := range c.service.Members {
		to := b.planner.destinations[id]
		lost := to.ok() && b.world.cutFrom(to) != nil
		switch member := b.world.services[id]; {
		case !lost:
		case to.collector.addr.IsValid():
			encap, _ := b.world.remotePath(b.host, b.program.Bridge.DatapathType, to.collector)
			if encap != nil {
				b.tunnel(encap)
				b.addCollector("", &leg{member, to, encap})
			}
		case to.host != b.host.ID && to.tunnel.addr.IsValid():
			if encap, _ := b.world.encapsulate(b.end, to.tunnel); encap != nil {
				b.tunnel(encap)
				b.peer(to.tunnel.addr, encap)
			}
		}
	}
}
