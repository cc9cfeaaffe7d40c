package reconcile

import (
	"slices"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// selections are what a mirror selects.
type selections struct{ sources, destinations selection }

// selection is the ports of a bridge that have some names. Ports keep their names, and when they
// come, go or move the row of their bridge changes.
type selection struct {
	bridge *vswitch.Bridge
	names  []string       // sorted
	ports  []vswitch.UUID // sorted
}

// named is the selection of other names. A mirror may select hundreds of ports: those alone are
// looked up that were not selected before, or are not any more.
func (s selection) named(snap *vswitch.Snapshot, bridge *vswitch.Bridge,
	names []string) (now selection, found bool) {
	if s.bridge != bridge {
		s = selection{}
	}

	now = selection{bridge: bridge, names: ascending(names)}
	var gone, come []vswitch.UUID
	for was, is := s.names, now.names; len(was)+len(is) > 0; {
		var name string
		var to *[]vswitch.UUID
		switch {
		case len(is) == 0 || len(was) > 0 && was[0] < is[0]:
			name, was, to = was[0], was[1:], &gone
		case len(was) == 0 || is[0] < was[0]:
			name, is, to = is[0], is[1:], &come
		default:
			was, is = was[1:], is[1:]
			continue
		}

		port, stands := snap.PortOnBridge(bridge.Name, name)
		switch {
		case !stands && to == &gone: // No server of Open vSwitch takes a port away so.
			return selection{}.named(snap, bridge, names)
		case !stands:
			return selection{}, false
		}

		*to = append(*to, port.UUID)
	}

	if now.ports = s.ports; len(gone)+len(come) > 0 {
		slices.SortFunc(gone, vswitch.UUID.Compare)
		now.ports = slices.Concat(slices.DeleteFunc(slices.Clone(s.ports),
			func(port vswitch.UUID) bool { return selects(gone, port) }), come)
		slices.SortFunc(now.ports, vswitch.UUID.Compare)
	}

	return now, true
}

// ascending is names in order, each once; as a rule they are so already.
func ascending(names []string) []string {
	for i := 1; i < len(names); i++ {
		if names[i-1] >= names[i] {
			return slices.Compact(slices.Sorted(slices.Values(names)))
		}
	}
	return names
}
