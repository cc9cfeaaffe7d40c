package change

import (
	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Checker checks requested changes.
type Checker struct {
	intent *intent.Intent
	fleet  *fleet.Fleet
	places *inventory.Places
}

// New returns a checker.
func New(in *intent.Intent, hosts *fleet.Fleet) *Checker {
	return &Checker{intent: in, fleet: hosts, places: hosts.Places}
}

// GuestRef resolves the id or name of a guest, declared or seen. A name of two guests is a
// Conflict; one of none is an error of kind missing.
func (c *Checker) GuestRef(field, ref string, missing view.ErrorKind) (string, error) {
	g := c.intent.Guests.Find(ref)
	seen := c.places.SeesGuest(ref)
	switch {
	case g != nil && g.ID != ref && seen:
		return "", view.Errorf(view.Conflict, field,
			"%q is the name of guest %s and the id of another guest that the switches show; "+
				"say %s for the former, or rename it by guest-update to reach the latter", ref,
			g.ID, g.ID)
	case g != nil:
		return g.ID, nil
	case seen:
		return ref, nil
	}

	if id, one := c.places.DomainNamed(ref); one {
		return id, nil
	}

	return "", view.Errorf(missing, field,
		"there is no guest %q: no port tells this id, and none was declared by guest-create", ref)
}

// HostID resolves the id or name of a host. It is false if there is none.
func (c *Checker) HostID(ref string) (string, bool) {
	if h := c.intent.Hosts.Find(ref); h != nil {
		return h.ID, true
	}
	return ref, false
}

// Unused returns an error if a service or a flow refers to a guest or host.
func (c *Checker) Unused(id, what string) error {
	for _, s := range c.intent.Services.ByID {
		if s.TargetID == id && !s.Deleting {
			return view.Errorf(view.Conflict, "",
				"%s is the destination of tap service %s; delete that first", what, s.Name)
		}
	}

	for _, f := range c.intent.Flows.ByID {
		if f.Deleting {
			continue
		}
		if f.Type == tap.FlowVNIC && f.GuestID == id || f.Type == tap.FlowVSwitch &&
			f.HostID == id {
			return view.Errorf(view.Conflict, "",
				"%s is the source of tap flow %s; delete that first", what, f.Name)
		}
	}

	return nil
}
