package inventory

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/controller/selector"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Label is a label of a guest.
type Label struct {
	Key, Value string
	From       []Source
}

// labels reads the external_ids that become labels, as KEY=VALUE, separated by commas and sorted. A
// value that no label can have is left out.
func labels(ids vswitch.Pairs, keys []string) string {
	var all []string
	for _, foreign := range keys {
		key, valid := selector.LabelKeyOf(foreign)
		value := ids.Get(foreign)
		if valid && value != "" && selector.IsLabelValue(value) {
			all = append(all, key+"="+value)
		}
	}

	slices.Sort(all)
	return strings.Join(all, ",")
}

// eachLabel visits the labels that a port shows.
func (p *Port) eachLabel(visit func(key, value string)) {
	if p.Labels == "" {
		return
	}
	for pair := range strings.SplitSeq(p.Labels, ",") {
		key, value, _ := strings.Cut(pair, "=")
		visit(key, value)
	}
}

// Labels returns the labels of a guest, sorted by key: the declared ones, and those that the ports
// of its NICs show. Of several ports that show a key with different values, the first one counts. A
// declared label beats one that is shown.
func (x *Places) Labels(g *tap.Guest, record *store.Guest) []Label {
	shown := map[string]string{}
	for i := range g.NICs {
		for _, at := range g.NICs[i].Locations {
			port := x.portAt(at)
			if port == nil {
				continue
			}
			port.eachLabel(func(key, value string) {
				if _, known := shown[key]; !known {
					shown[key] = value
				}
			})
		}
	}

	var all []Label
	if record != nil {
		for key, value := range record.Labels {
			label := Label{key, value, []Source{FromDeclared}}
			if agrees, known := shown[key]; known && agrees == value {
				label.From = append(label.From, FromOVSDB)
			}
			delete(shown, key)
			all = append(all, label)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(shown)) {
		all = append(all, Label{key, shown[key], []Source{FromOVSDB}})
	}

	slices.SortFunc(all, func(a, b Label) int { return cmp.Compare(a.Key, b.Key) })
	return all
}

// portAt returns the port at a place; nil if none is there.
func (x *Places) portAt(at tap.Location) *Port {
	wanted := &Port{Host: at.Host, Bridge: at.Bridge, Name: at.Port}
	if i, stands := x.byName.find(at.Port, wanted); stands {
		return x.byName[at.Port][i]
	}
	return nil
}
