package selector

import (
	"net/netip"
	"strings"
)

// Field is what a term compares.
type Field string

// The fields. All but Name and Label are those of a NIC.
const (
	Name   Field = "name"
	Label  Field = "label"
	Wire   Field = "wire"
	Host   Field = "host"
	Net    Field = "net"
	Switch Field = "ls" // logical switch of OVN
	Group  Field = "pg" // port group of OVN
)

// Term is one condition.
type Term struct {
	Field   Field
	Key     string   // of a label
	Present bool     // of a label: any value is right, and Values is empty
	Not     bool     // the opposite has to hold
	Values  []string // one of them is right; patterns but for Label and Net
	Nets    []netip.Prefix
}

// Selector is a list of terms that all have to hold. Without terms it selects everything.
type Selector struct{ terms []Term }

// Terms are the terms in the order in which they were written. They must not be changed.
func (s Selector) Terms() []Term { return s.terms }

// NIC is what terms compare of a NIC.
type NIC struct {
	Addrs []netip.Addr
	Hosts []string // names of the hosts where it is plugged
	Wires []string // all names of the wires that it is on

	Switches []string // logical switches of OVN
	Groups   []string // port groups of OVN
}

// Guest is what terms compare of a guest.
type Guest struct {
	Name   string
	Labels map[string]string
}

// Matches reports whether a NIC of a guest is selected.
func (s Selector) Matches(guest *Guest, nic *NIC) bool {
	for i := range s.terms {
		t := &s.terms[i]
		if t.ofGuest() && !t.holdsFor(guest) || !t.ofGuest() && !t.holdsForNIC(nic) {
			return false
		}
	}
	return true
}

// MatchesGuest reports whether the terms hold that say something of a guest as such.
func (s Selector) MatchesGuest(guest *Guest) bool {
	for i := range s.terms {
		if t := &s.terms[i]; t.ofGuest() && !t.holdsFor(guest) {
			return false
		}
	}
	return true
}

func (t *Term) ofGuest() bool { return t.Field == Name || t.Field == Label }

// holdsFor reports whether a term about a guest, or about a row of a list, holds.
func (t *Term) holdsFor(guest *Guest) bool {
	if t.Field == Name {
		return t.any(guest.Name) != t.Not
	}

	value, has := guest.Labels[t.Key]
	return (has && (t.Present || t.any(value))) != t.Not
}

func (t *Term) holdsForNIC(nic *NIC) bool {
	var right bool
	switch t.Field {
	case Wire:
		right = t.anyOf(nic.Wires)
	case Host:
		right = t.anyOf(nic.Hosts)
	case Switch:
		right = t.anyOf(nic.Switches)
	case Group:
		right = t.anyOf(nic.Groups)
	case Net:
		right = t.contains(nic.Addrs)
	}
	return right != t.Not
}

func (t *Term) anyOf(values []string) bool {
	for _, value := range values {
		if t.any(value) {
			return true
		}
	}
	return false
}

// any reports whether a value is one of the term's.
func (t *Term) any(value string) bool {
	for _, wanted := range t.Values {
		if wanted == value || t.Field != Label && matches(wanted, value) {
			return true
		}
	}
	return false
}

func (t *Term) contains(addrs []netip.Addr) bool {
	for _, network := range t.Nets {
		for _, addr := range addrs {
			if network.Contains(addr) {
				return true
			}
		}
	}
	return false
}

// String is the form that [Parse] reads, without needless blanks.
func (s Selector) String() string {
	terms := make([]string, len(s.terms))
	for i := range s.terms {
		terms[i] = s.terms[i].String()
	}
	return strings.Join(terms, ",")
}

// String is the term as [Parse] reads it.
func (t *Term) String() string {
	field := string(t.Field)
	if t.Field == Label {
		field += "." + t.Key
	}
	switch {
	case t.Present && t.Not:
		return "!" + field
	case t.Present:
		return field
	}

	values := make([]string, 0, len(t.Values)+len(t.Nets))
	for _, value := range t.Values {
		if t.Field == Label {
			value = strings.ReplaceAll(value, "|", `\|`)
		}
		values = append(values, value)
	}
	for _, network := range t.Nets {
		values = append(values, network.String())
	}

	operator := "="
	if t.Not {
		operator = "!="
	}
	return field + operator + strings.Join(values, "|")
}
