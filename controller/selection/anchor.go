package selection

import (
	"net/netip"

	"github.com/tapline-sdn/tapline/controller/selector"
	"github.com/tapline-sdn/tapline/controller/sets"
)

// anchor is what tap flows are filed under: a value that a guest must have to be selected. Exactly
// what its field needs is set.
type anchor struct {
	field selector.Field
	key   string // of a label
	value string
	some  bool         // any value of the label
	begin bool         // value is the beginning of a name
	net   netip.Prefix // of an address
}

// anchors finds the tap flows that may select a guest.
type anchors struct {
	filed sets.Multimap[anchor, string]
	// rest are the tap flows that are filed under nothing.
	rest sets.Set
	// Lengths that occur, and how many times: of beginnings of names in octets, of prefixes of IPv4
	// and IPv6 in bits.
	begins, prefixes4, prefixes6 map[int]int
}

func newAnchors() anchors {
	return anchors{
		filed: sets.Multimap[anchor, string]{}, rest: sets.Set{}, begins: map[int]int{},
		prefixes4: map[int]int{}, prefixes6: map[int]int{},
	}
}

// of returns the anchors of a selector: those of the term that is likely to select the fewest
// guests. There are none if no term can be filed.
func of(s selector.Selector) (best []anchor) {
	lowest := 0
	for i := range s.Terms() {
		filed, rank := ofTerm(&s.Terms()[i])
		if filed != nil && (best == nil || rank < lowest) {
			best, lowest = filed, rank
		}
	}
	return best
}

// ofTerm returns the anchors of a term, nil if it cannot be filed, and a rank: the lower, the fewer
// guests the term is likely to select.
func ofTerm(t *selector.Term) (filed []anchor, rank int) {
	const exact, narrow, place, wide = 1, 2, 3, 4
	if t.Not {
		return nil, 0
	}
	if t.Present {
		return []anchor{{field: t.Field, key: t.Key, some: true}}, wide
	}

	rank = exact
	for _, value := range t.Values {
		literal, whole := selector.Literal(value)
		switch {
		case t.Field == selector.Label:
			filed = append(filed, anchor{field: t.Field, key: t.Key, value: value})
		case whole:
			filed = append(filed, anchor{field: t.Field, value: literal})
		case t.Field == selector.Name && literal != "":
			filed, rank = append(filed, anchor{field: t.Field, value: literal, begin: true}), narrow
		default:
			return nil, 0
		}
	}
	for _, network := range t.Nets {
		filed, rank = append(filed, anchor{field: t.Field, net: network}), narrow
	}

	if t.Field != selector.Name && t.Field != selector.Label && t.Field != selector.Net {
		rank = place
	}
	return filed, rank
}

func (a *anchors) add(s selector.Selector, flow string) {
	filed := of(s)
	if len(filed) == 0 {
		a.rest.Add(flow)
	}
	for _, at := range filed {
		a.filed.Add(at, flow)
		a.count(at, 1)
	}
}

func (a *anchors) remove(s selector.Selector, flow string) {
	filed := of(s)
	if len(filed) == 0 {
		delete(a.rest, flow)
	}
	for _, at := range filed {
		a.filed.Remove(at, flow)
		a.count(at, -1)
	}
}

// count notes the lengths of an anchor.
func (a *anchors) count(at anchor, by int) {
	switch {
	case at.begin:
		change(a.begins, len(at.value), by)
	case at.net.Addr().Is4():
		change(a.prefixes4, at.net.Bits(), by)
	case at.net.IsValid():
		change(a.prefixes6, at.net.Bits(), by)
	}
}

func change(counts map[int]int, of, by int) {
	if counts[of] += by; counts[of] == 0 {
		delete(counts, of)
	}
}

// candidates are the tap flows that may select a NIC of a guest.
func (a *anchors) candidates(g *Guest) sets.Set {
	found := sets.Set{}
	add := func(at anchor) {
		for flow := range a.filed[at] {
			found.Add(flow)
		}
	}
	for flow := range a.rest {
		found.Add(flow)
	}

	add(anchor{field: selector.Name, value: g.Name})
	for length := range a.begins {
		if length <= len(g.Name) {
			add(anchor{field: selector.Name, value: g.Name[:length], begin: true})
		}
	}
	for key, value := range g.Labels {
		add(anchor{field: selector.Label, key: key, value: value})
		add(anchor{field: selector.Label, key: key, some: true})
	}

	for i := range g.NICs {
		a.ofNIC(&g.NICs[i], add)
	}
	return found
}

// ofNIC visits the anchors of a NIC.
func (a *anchors) ofNIC(nic *NIC, visit func(anchor)) {
	for field, values := range map[selector.Field][]string{
		selector.Host: nic.Hosts, selector.Wire: nic.Wires, selector.Switch: nic.Switches,
		selector.Group: nic.Groups,
	} {
		for _, value := range values {
			visit(anchor{field: field, value: value})
		}
	}

	for _, addr := range nic.Addrs {
		lengths := a.prefixes6
		if addr.Is4() {
			lengths = a.prefixes4
		}
		for bits := range lengths {
			if network, err := addr.Prefix(bits); err == nil {
				visit(anchor{field: selector.Net, net: network})
			}
		}
	}
}
