package convert

import (
	"fmt"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Host returns the JSON form of a host.
func Host(v view.Host) api.Host {
	h := api.Host{
		ID: v.ID, Name: v.Name, OVSDB: v.OVSDB,
		TunnelIP: addrText(v.TunnelIP), DeclaredTunnelIP: addrText(v.Host.TunnelIP),
		SystemID: v.SystemID,
		Wires:    orEmpty(v.Wires), Uplinks: orEmpty(v.Uplinks),
		NICs:      make([]api.HostNIC, len(v.NICs)),
		Connected: v.Connected, OVSVersion: v.OVSVersion, Bridges: orNone(v.Bridges),
		MayStillCopy: orNone(v.MayStillCopy), GuessedUplinks: orNone(v.GuessedUplinks),
		Lacks:  hostLacks(v.Lacking),
		Status: Status(v.State), Reason: v.Reason, ReasonCode: string(v.Code),
		Labels: orEmpty(v.Labels), Description: v.Description, AppliedBy: v.AppliedBy,
	}
	for i, n := range v.NICs {
		h.NICs[i] = api.HostNIC{
			Name: n.Name, MAC: n.MAC.String(), Speed: n.Speed, Driver: n.Driver, UsedBy: n.UsedBy,
		}
	}

	return h
}

// hostLacks adds to each code what is known of it.
func hostLacks(all []tap.Lack) []api.HostLack {
	out := make([]api.HostLack, len(all))
	for i, lack := range all {
		known := inventory.Describe(lack.Code)
		out[i] = api.HostLack{Code: string(lack.Code), Datapath: lack.Datapath,
			Possible: lack.Possible, What: known.What, Costs: known.Costs}
	}
	return out
}

// NewHost returns the record of a host that a request creates.
func NewHost(b api.HostCreate, by store.Request) (store.Host, error) {
	h := store.Host{
		Meta:  store.Meta{AppliedBy: b.AppliedBy, Request: by},
		Notes: store.Notes{Labels: b.Labels, Description: b.Description},
		Name:  b.Name, OVSDB: b.OVSDB, Wires: b.Wires, Uplinks: b.Uplinks, SystemID: b.SystemID,
	}

	var err error
	if h.TunnelIP, err = optionalIP("tunnel_ip", b.TunnelIP); err != nil {
		return store.Host{}, err
	}
	if h.NICs, err = hostNICs(b.NICs); err != nil {
		return store.Host{}, err
	}
	return h, nil
}

// EditHost applies a patch to a record.
func EditHost(h *store.Host, p api.HostPatch) error {
	var err error

	if p.TunnelIP.Given {
		h.RelearnTunnelIP = p.TunnelIP.Value == nil
		text := ""
		if p.TunnelIP.Value != nil {
			text = *p.TunnelIP.Value
		}
		if h.TunnelIP, err = optionalIP("tunnel_ip", text); err != nil {
			return err
		}
	}
	if p.NICs != nil {
		if h.NICs, err = hostNICs(*p.NICs); err != nil {
			return err
		}
	}

	editNotes(&h.Notes, p.Labels, p.Description)
	setGiven(&h.Name, p.Name)
	setGiven(&h.OVSDB, p.OVSDB)
	setGiven(&h.SystemID, p.SystemID)
	h.Wires = merged(h.Wires, p.Wires)
	h.Uplinks = merged(h.Uplinks, p.Uplinks)
	return nil
}

func hostNICs(in []api.HostNIC) ([]store.HostNIC, error) {
	var out []store.HostNIC

	for i, n := range in {
		mac, err := optionalMAC(fmt.Sprintf("nics[%d].mac", i), n.MAC)
		if err != nil {
			return nil, err
		}
		out = append(out, store.HostNIC{
			Name: n.Name, MAC: mac, Speed: n.Speed, Driver: n.Driver, UsedBy: n.UsedBy,
		})
	}
	return out, nil
}
