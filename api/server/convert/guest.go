package convert

import (
	"fmt"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/store"
)

// Guest returns the JSON form of a guest.
func Guest(v view.Guest) api.Guest {
	g := api.Guest{
		ID: v.ID, Name: v.Name, Declared: v.Declared,
		State: v.State, HostID: v.HostID, Host: v.Host,
		NICs: make([]api.GuestNIC, len(v.NICs)), Sources: sources(v.Sources),
		DeclaredNICs: []api.GuestNICCreate{},
	}

	for i, n := range v.NICs {
		g.NICs[i] = api.GuestNIC{
			MAC: n.MAC.String(), IPAddrs: addrTexts(n.IPs), IfName: n.IfName,
			HostID: n.HostID, Host: n.Host, Bridge: n.Bridge, Port: n.Port,
			Sources: sources(n.Sources),
		}
	}

	g.Labels, g.DeclaredLabels = map[string]string{}, map[string]string{}
	for _, label := range v.Labels {
		g.Labels[label.Key] = label.Value
		for _, from := range label.From {
			field := "labels." + label.Key
			g.Sources[field] = append(g.Sources[field], string(from))
		}
	}

	if v.Record != nil {
		g.AppliedBy = v.Record.AppliedBy
		g.DeclaredLabels, g.Description = orEmpty(v.Record.Labels), v.Record.Description
		for _, n := range v.Record.NICs {
			g.DeclaredNICs = append(g.DeclaredNICs, api.GuestNICCreate{
				MAC: n.MAC.String(), IP: addrText(n.IP), IfName: n.IfName,
			})
		}
	}
	return g
}

// sources returns where each field of an object was learned.
func sources(s inventory.Sources) map[string][]string {
	out := map[string][]string{}
	for field, sources := range s.Fields() {
		for _, from := range sources {
			out[field] = append(out[field], string(from))
		}
	}

	return out
}

// NewGuest returns the record of a guest that a request creates.
func NewGuest(b api.GuestCreate, by store.Request) (store.Guest, error) {
	nics, err := guestNICs(b.NICs)
	if err != nil {
		return store.Guest{}, err
	}

	meta := store.Meta{AppliedBy: b.AppliedBy, Request: by}
	notes := store.Notes{Labels: b.Labels, Description: b.Description}
	return store.Guest{Meta: meta, Notes: notes, ID: b.ID, Name: b.Name, NICs: nics}, nil
}

// EditGuest applies a patch to a record.
func EditGuest(g *store.Guest, p api.GuestPatch) error {
	if p.NICs != nil {
		nics, err := guestNICs(*p.NICs)
		if err != nil {
			return err
		}
		g.NICs = nics
	}

	editNotes(&g.Notes, p.Labels, p.Description)
	setGiven(&g.Name, p.Name)
	return nil
}

func guestNICs(in []api.GuestNICCreate) ([]store.GuestNIC, error) {
	var out []store.GuestNIC

	for i, n := range in {
		mac, err := optionalMAC(fmt.Sprintf("nics[%d].mac", i), n.MAC)
		if err != nil {
			return nil, err
		}
		ip, err := optionalIP(fmt.Sprintf("nics[%d].ip", i), n.IP)
		if err != nil {
			return nil, err
		}
		out = append(out, store.GuestNIC{MAC: mac, IP: ip, IfName: n.IfName})
	}
	return out, nil
}
