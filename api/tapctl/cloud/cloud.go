// Package cloud reads everything that the controller knows, for commands that look at all of it at
// once: topology, apply, diff, plan and export.
//
// What it returns is a plain copy. Kinds are read one after the other, so a change in between can
// make one refer to another that is missing.
package cloud

import (
	"context"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

// State is everything that the controller knows.
type State struct {
	Hosts       []api.Host
	Guests      map[string]api.Guest // by id
	Wires       []api.Wire
	TapServices []api.TapService
	TapFlows    []api.TapFlow
}

// Read reads the state from the controller.
func Read(ctx context.Context, c *client.Client) (State, error) {
	hosts, err := c.Hosts().List(ctx)
	if err != nil {
		return State{}, err
	}

	guests, err := c.Guests().List(ctx)
	if err != nil {
		return State{}, err
	}

	wires, err := c.Wires().List(ctx)
	if err != nil {
		return State{}, err
	}

	services, err := c.TapServices().List(ctx)
	if err != nil {
		return State{}, err
	}

	flows, err := c.TapFlows().List(ctx)
	if err != nil {
		return State{}, err
	}

	state := State{
		Hosts:       hosts.Hosts,
		Guests:      make(map[string]api.Guest, len(guests.Guests)),
		Wires:       wires.Wires,
		TapServices: services.TapServices,
		TapFlows:    flows.TapFlows,
	}

	for _, g := range guests.Guests {
		state.Guests[g.ID] = g
	}

	return state, nil
}

// NameOf is the name of the guest or host with an id, or the id if there is neither.
func (s State) NameOf(id string) string {
	if g, ok := s.Guests[id]; ok {
		return g.Name
	}
	for _, h := range s.Hosts {
		if h.ID == id {
			return h.Name
		}
	}
	return id
}
