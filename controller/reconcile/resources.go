package reconcile

import (
	"fmt"
	"slices"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Resources are messages that change groups, meters and the fragment mode of the tap bridge, in the
// order in which they take effect with the flow-mods of a bundle.
type Resources struct {
	Before []openflow.Message // before the bundle, which cannot hold them
	First  []openflow.Message // at the start of the bundle
	Last   []openflow.Message // at its end, when no flow uses them any more
	After  []openflow.Message // after the bundle

	// Prepared are the changes of Before; those of the others are among [Flows.Changes].
	Prepared []Change
}

// Empty reports whether nothing has to change.
func (r *Resources) Empty() bool {
	return len(r.Before) == 0 && len(r.First) == 0 && len(r.Last) == 0 && len(r.After) == 0
}

// Empty reports whether nothing has to be sent.
func (f *Flows) Empty() bool { return len(f.Mods) == 0 && f.Resources.Empty() }

// Bundle is what has to take effect at one instant, in its order.
func (f *Flows) Bundle() []openflow.Message {
	return slices.Concat(f.Resources.First, flowtable.Messages(f.Mods), f.Resources.Last)
}

// AddResources compares the groups, meters and fragment mode of the tap bridge with a program.
// stands are the flows before the modifications of f. What flows use that stay is not deleted,
// whoever's it is.
func (f *Flows) AddResources(
	have flowtable.Resources, stands []openflow.FlowStats, d *Desired, repair Gate,
) {
	x := resourceDiffer{d: d, repair: repair, out: f}
	groups, freedGroups := flowtable.DiffGroups(d.groups, have.Groups)
	meters, freedMeters := flowtable.DiffMeters(d.meters, have.Meters)
	x.config(have.Config)
	x.set(groups, meters)
	x.free(freedGroups, freedMeters, stands)
	if len(f.Resources.Last) > 0 || len(f.Resources.After) > 0 {
		f.Fresh = false
	}
}

// resourceDiffer adds resources to what must change.
type resourceDiffer struct {
	d      *Desired
	repair Gate
	out    *Flows
}

// add adds a message to a list that changes an owner's resource, unless it has to wait.
func (x *resourceDiffer) add(
	to *[]openflow.Message, m openflow.Message, owner, name, what string,
) {
	x.out.Outstanding[owner] = true
	if !x.repair(owner) {
		x.out.Whole = false
		return
	}

	*to = append(*to, m)
	changes := &x.out.Changes
	if to == &x.out.Resources.Before {
		changes = &x.out.Resources.Prepared
	}
	*changes = append(*changes, Change{
		Owner: owner, Object: name + " on " + x.d.Program.Bridge.Name, What: what,
		Surplus: what == wasUnwanted,
	})
}

// config changes how fragments are handled: before the flows that rely on it, and back after them.
func (x *resourceDiffer) config(have openflow.SwitchConfig) {
	want := openflow.FragNormal
	if x.d.Program.Bridge.MatchFragments {
		want = openflow.FragNXMatch
	}

	// A held capture may rely on it.
	held := want == openflow.FragNormal && len(x.d.held) > 0
	if have.Flags&openflow.FragMask == want || held {
		return
	}

	have.Flags = have.Flags&^openflow.FragMask | want
	to := &x.out.Resources.Before
	if want == openflow.FragNormal {
		to = &x.out.Resources.After
	}
	x.add(to, &openflow.SetConfig{SwitchConfig: have}, tap.OwnerBridge, "fragment mode", "altered")
}

// set adds the messages that add or change groups and meters.
func (x *resourceDiffer) set(groups []openflow.GroupMod, meters []openflow.MeterMod) {
	for i := range meters {
		m := &meters[i]
		x.add(&x.out.Resources.Before, m, x.d.meterOwner[m.ID], fmt.Sprintf("meter %d", m.ID),
			settingWords(m.Command == openflow.MeterModify))
	}
	for i := range groups {
		g := &groups[i]
		x.add(&x.out.Resources.First, g, x.d.groupOwner[g.ID], fmt.Sprintf("group %d", g.ID),
			settingWords(g.Command == openflow.GroupModify))
	}
}

func settingWords(stands bool) string {
	if stands {
		return "altered"
	}
	return wasMissing
}

// free adds the messages that delete groups and meters which no flow will use.
func (x *resourceDiffer) free(
	groups []openflow.GroupMod, meters []openflow.MeterMod, stands []openflow.FlowStats,
) {
	if len(groups) == 0 && len(meters) == 0 {
		return
	}

	usedGroups, usedMeters := map[uint32]bool{}, map[uint32]bool{}
	for _, flow := range Applied(stands, x.out.Mods) {
		groups, meters := flowtable.Uses(flow.Instructions)
		for _, id := range groups {
			usedGroups[id] = true
		}
		for _, id := range meters {
			usedMeters[id] = true
		}
	}

	for i := range groups {
		if g := &groups[i]; !usedGroups[g.ID] {
			x.add(&x.out.Resources.Last, g, tap.OwnerBridge, fmt.Sprintf("group %d", g.ID),
				wasUnwanted)
		}
	}
	for i := range meters {
		if m := &meters[i]; !usedMeters[m.ID] {
			x.add(&x.out.Resources.After, m, tap.OwnerBridge, fmt.Sprintf("meter %d", m.ID),
				wasUnwanted)
		}
	}
}

// Users returns the owner of what a message sets, a meter or the fragment mode, and the owners of
// the flows that use the meter.
func (d *Desired) Users(m openflow.Message) (owner string, users []string) {
	meter, is := m.(*openflow.MeterMod)
	if !is {
		return tap.OwnerBridge, nil
	}

	for i := range d.Flows {
		flow := &d.Flows[i]
		if _, meters := flowtable.Uses(flow.Instructions); slices.Contains(meters, meter.ID) {
			users = append(users, d.flowOwner[flow.Key()])
		}
	}
	slices.Sort(users)
	return d.meterOwner[meter.ID], slices.Compact(users)
}

// AppliedResources is what a switch has after it took messages of [Resources].
func AppliedResources(have flowtable.Resources, messages []openflow.Message) flowtable.Resources {
	out := flowtable.Resources{
		Config: have.Config, Groups: slices.Clone(have.Groups), Meters: slices.Clone(have.Meters),
	}
	for _, message := range messages {
		switch m := message.(type) {
		case *openflow.SetConfig:
			out.Config = m.SwitchConfig
		case *openflow.GroupMod:
			out.Groups = slices.DeleteFunc(out.Groups, func(g openflow.GroupDesc) bool {
				return g.ID == m.ID
			})
			if m.Command != openflow.GroupDelete {
				out.Groups = append(out.Groups, openflow.GroupDesc{
					Group: m.Group, ID: m.ID, Buckets: m.Buckets,
				})
			}
		case *openflow.MeterMod:
			out.Meters = slices.DeleteFunc(out.Meters, func(g openflow.MeterConfig) bool {
				return g.ID == m.ID
			})
			if m.Command != openflow.MeterDelete {
				out.Meters = append(out.Meters, openflow.MeterConfig{
					Flags: m.Flags, ID: m.ID, Bands: m.Bands,
				})
			}
		}
	}
	return out
}
