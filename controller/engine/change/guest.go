package change

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
)

// NewGuest checks a guest that is being declared, and gives it an id if it has none.
func (c *Checker) NewGuest(g *store.Guest) error {
	g.Meta = store.Meta{Request: g.Request, AppliedBy: g.AppliedBy}
	if g.ID == "" {
		g.ID = uuid.NewString()
	} else if err := intent.CheckWord("id", g.ID); err != nil {
		return err
	}

	if c.intent.Guests.Find(g.ID) != nil {
		return view.Errorf(view.Conflict, "id", "guest %q already exists", g.ID)
	}
	return c.guest(g)
}

// ChangedGuest checks a guest whose declaration is being changed.
func (c *Checker) ChangedGuest(g, before *store.Guest) error {
	if g.ID != before.ID {
		return view.Errorf(view.Invalid, "id", "the id of a guest cannot be changed")
	}
	return c.guest(g)
}

// guest checks the NICs of a guest, and that its name means no other.
func (c *Checker) guest(g *store.Guest) error {
	if len(g.NICs) == 0 {
		return view.Errorf(view.Invalid, "nics",
			"guest %s has no NIC; a declared guest needs at least one with its mac or ifname",
			g.Name)
	}

	if g.Name != g.ID && c.places.SeesGuest(g.Name) {
		return view.Errorf(view.Conflict, "name",
			"%q is the id of a guest that the switches show; declare that one by --id %s, or "+
				"choose another name", g.Name, g.Name)
	}

	seen := map[string]bool{}
	for i, n := range g.NICs {
		field := fmt.Sprintf("nics[%d]", i)
		if err := checkGuestNIC(field, n); err != nil {
			return err
		}
		if !n.MAC.IsZero() && seen[n.MAC.String()] || n.IfName != "" && seen[n.IfName] {
			return view.Errorf(view.Invalid, field, "two NICs of the guest are the same")
		}

		if !n.MAC.IsZero() {
			seen[n.MAC.String()] = true
		}
		if n.IfName != "" {
			seen[n.IfName] = true
		}

		for id := range c.places.GuestsClaiming(n.MAC, n.IfName) {
			if id != g.ID {
				return view.Errorf(view.Conflict, field, "the NIC already belongs to guest %s",
					c.intent.Guests.ByID[id].Name)
			}
		}
	}

	return nil
}

func checkGuestNIC(field string, n store.GuestNIC) error {
	switch {
	case n.MAC.IsZero() && n.IfName == "":
		return view.Errorf(view.Invalid, field,
			"the NIC has neither mac nor ifname; by one of them its port is found")
	case n.MAC.IsMulticast():
		return view.Errorf(view.Invalid, field+".mac",
			"%s is a multicast address; a NIC has a unicast address", n.MAC)
	case len(n.IfName) > 15:
		return view.Errorf(view.Invalid, field+".ifname",
			"%q has over 15 characters, the most that an interface name has", n.IfName)
	}
	return nil
}

// Undeclared replaces the error about a guest without a record by one that explains how to declare
// the guest.
func (c *Checker) Undeclared(name string, err error) error {
	var missing *view.Error
	if _, none := c.GuestRef("", name, view.NotFound); none == nil && errors.As(err, &missing) &&
		missing.Kind == view.NotFound {
		return view.Errorf(view.Conflict, "",
			"guest %q is learned from the switches and not declared; declare it by guest-create "+
				"--id %s", name, name)
	}
	return err
}
