package mirror

import (
	"bytes"
	"slices"

	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/openflow/wire"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// A packet between two guests on two hosts, both mirrored to one service, is captured twice: where
// it is sent and where it arrives. A service with dedup gets the first copy alone: its captures
// drop packets from the address of a NIC whose own capture, elsewhere, copies what the NIC sends.
//
// Whose a packet is, its source address alone tells. So a frame that somebody sends with the
// address of such a NIC is not copied where it arrives.

// outSource is a capture that copies what a NIC sends.
type outSource struct {
	host, capture string
	options       tap.Options
}

// outSources are the captures of a service that copy what each NIC sends, by address. A NIC that is
// at two places, as in a migration, or whose address another one has too, is not among them, nor
// is one whose capture cannot run.
func (p *Planner) outSources(service string) map[tap.MAC][]outSource {
	found, guests, vague := map[tap.MAC][]outSource{}, map[tap.MAC]string{}, map[tap.MAC]bool{}
	for id := range p.world.flowsOfService[service] {
		f := p.resolved[id]
		if f == nil || !f.active || f.mac.IsZero() || f.flow.Direction == tap.In {
			continue
		}

		guest, known := guests[f.mac]
		guests[f.mac] = f.flow.GuestID
		if known && guest != f.flow.GuestID || len(f.places) != 1 {
			vague[f.mac] = true
			continue
		}

		at := f.places[0]
		if _, refused := p.refused[at.host][id]; refused {
			continue
		}
		options := f.flow.Options.Normalized()
		found[f.mac] = append(found[f.mac], outSource{
			host: at.host, capture: captureID(at.bridge, service, options), options: options,
		})
	}

	for mac := range vague {
		delete(found, mac)
	}
	return found
}

// duplicates are the addresses of the NICs of which a capture drops packets, since another capture
// of its service copies all of these that this one would, in the same form. Sorted.
func (p *Planner) duplicates(host string, c *capture) (macs []tap.MAC) {
	if !c.service.Dedup {
		return nil
	}

	for mac, captures := range p.outSources(c.service.ID) {
		own := slices.ContainsFunc(captures, func(s outSource) bool {
			return s.host == host && s.capture == c.id
		})
		covered := slices.ContainsFunc(captures, func(s outSource) bool {
			return s.options.Sample <= 1 && s.options.Snaplen == c.tally.options.Snaplen &&
				s.options.Tag == c.tally.options.Tag &&
				(s.options.Filter == "" || s.options.Filter == c.tally.options.Filter)
		})
		if covered && !own {
			macs = append(macs, mac)
		}
	}

	slices.SortFunc(macs, func(a, b tap.MAC) int { return bytes.Compare(a[:], b[:]) })
	return macs
}

// addDuplicates adds the flows that drop packets from the addresses of NICs.
func (t *flowTables) addDuplicates(c *capture, macs []tap.MAC) {
	id := tag(kindCapture, c.id)
	for _, mac := range macs {
		t.add(c.id, id, tableSelect, priorityDuplicate,
			oxm.Match{oxm.Metadata(id), oxm.EthSrc(wire.MAC(mac))})
		t.entries[len(t.entries)-1].Counts = tap.CountsDuplicates
	}
}

// touchDuplicates touches the hosts of all captures of a service with dedup: what each of them
// drops depends on the others.
func (p *Planner) touchDuplicates(service string, hosts set) {
	if s := p.world.services[service]; s == nil || !s.Dedup {
		return
	}
	for id := range p.world.flowsOfService[service] {
		if f := p.resolved[id]; f != nil {
			for _, at := range f.places {
				hosts.add(at.host)
			}
		}
	}
}
