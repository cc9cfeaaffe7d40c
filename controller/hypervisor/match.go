package hypervisor

import (
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Target names a guest in several ways.
type Target struct {
	ID   string    // libvirt's UUID, or the domain's name
	Name string    // domain name of a declared guest; "" if it is not declared
	MACs []tap.MAC // NICs of a declared guest
}

// evidence says how well a guest is known to be a target. More is better.
type evidence int

const (
	noEvidence   evidence = iota
	byNameOrMAC           // the name, or the address of a NIC
	byNameAndMAC          // both
	byUUID
)

// evidence compares a guest with the target. A declared guest whose addresses are known does not
// match a domain that has other addresses, whatever the domain's name.
func (t Target) evidence(g *Guest) evidence {
	if strings.EqualFold(t.ID, g.ID) {
		return byUUID
	}

	name := t.ID == g.Name || t.Name != "" && t.Name == g.Name
	mac := slices.ContainsFunc(g.NICs, func(n GuestNIC) bool {
		return !n.MAC.IsZero() && slices.Contains(t.MACs, n.MAC)
	})

	contradicted := len(t.MACs) > 0 && len(g.NICs) > 0 && !mac
	switch {
	case contradicted:
		return noEvidence
	case name && mac:
		return byNameAndMAC
	case name || mac:
		return byNameOrMAC
	default:
		return noEvidence
	}
}

// Matches reports whether a guest may be the target, as far as one host can tell.
func (t Target) Matches(g *Guest) bool { return t.evidence(g) != noEvidence }

// match says what a guest is to a target, in the light of all hosts' guests.
type match struct {
	kind   matchKind
	reason string // why an ambiguous target gets no NIC
}

type matchKind int

const (
	noMatch     matchKind = iota // the target is another guest, or none
	isTarget                     // the guest is the target
	isStandby                    // the target runs on another host, and is only defined here
	isAmbiguous                  // several guests may be the target
	isUndecided                  // a host that was not read yet may have the target
)
