package reconcile

import (
	"fmt"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/wire"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Bounds on the groups and meters of a program.
const (
	maxGroups  = 2_000
	maxMeters  = 2_000
	maxBuckets = 1_024
	maxBands   = 8

	maxGroupID = 0xffffff00 // OFPG_MAX
)

// checkResources returns the owners of groups and meters by id.
func checkResources(p *tap.Program) (groups, meters map[uint32]string, err error) {
	if len(p.Groups) > maxGroups || len(p.Meters) > maxMeters {
		return nil, nil, fmt.Errorf("it has %d groups and %d meters: want at most %d and %d",
			len(p.Groups), len(p.Meters), maxGroups, maxMeters)
	}

	groups, meters = map[uint32]string{}, map[uint32]string{}
	for i := range p.Groups {
		g := &p.Groups[i]
		if err := enter(groups, "group", g.Mod.ID, g.Owner, checkGroup(g)); err != nil {
			return nil, nil, err
		}
	}

	for i := range p.Meters {
		m := &p.Meters[i]
		if err := enter(meters, "meter", m.Mod.ID, m.Owner, checkMeter(m)); err != nil {
			return nil, nil, err
		}
	}

	return groups, meters, nil
}

// enter notes the owner of a group or meter, unless something is wrong with it or its id is taken.
func enter(owners map[uint32]string, kind string, id uint32, owner, wrong string) error {
	if _, twice := owners[id]; twice && wrong == "" {
		wrong = "another " + kind + " of the program has this id"
	}
	if wrong != "" {
		return fmt.Errorf("%s %d of %q: %s", kind, id, owner, wrong)
	}
	owners[id] = owner
	return nil
}

// checkGroup says what is wrong with a group, or "".
func checkGroup(g *tap.GroupEntry) string {
	switch {
	case g.Owner == "" || g.Mod.Command != openflow.GroupAdd:
		return "want an addition with an owner"
	case g.Mod.ID == 0 || g.Mod.ID > maxGroupID:
		return fmt.Sprintf("want an id of 1 to %d", uint32(maxGroupID))
	case g.Mod.Group != openflow.GroupTypeSelect && g.Mod.Group != openflow.GroupTypeAll:
		return "want a group of type select or all"
	case len(g.Mod.Buckets) > maxBuckets:
		return fmt.Sprintf("it has %d buckets: want at most %d", len(g.Mod.Buckets), maxBuckets)
	}

	for i := range g.Mod.Buckets {
		if why := forbiddenInBucket(g.Mod.Buckets[i].Actions); why != "" {
			return fmt.Sprintf("bucket %d: %s", i, why)
		}
	}
	return ""
}

// forbiddenInBucket finds an action that a bucket must not have. A bucket only says which table
// goes on: a packet that it sends by itself would not be cut, and nothing would count it.
func forbiddenInBucket(actions []action.Action) string {
	for _, a := range actions {
		switch a := a.(type) {
		case action.SetField, action.RegLoad:
		case action.Resubmit:
			if a.InPort != openflow.PortInPort || a.Table == 0 || a.Table > openflow.TableMax {
				return fmt.Sprintf("%v: want another table, and the port of arrival kept", a)
			}
		default:
			return fmt.Sprintf("action %v is not allowed", a)
		}
	}
	return ""
}

// checkMeter says what is wrong with a meter, or "".
func checkMeter(m *tap.MeterEntry) string {
	units := m.Mod.Flags & (openflow.MeterKbps | openflow.MeterPktps)
	switch {
	case m.Owner == "" || m.Mod.Command != openflow.MeterAdd:
		return "want an addition with an owner"
	case m.Mod.ID == 0 || m.Mod.ID > openflow.MeterMax:
		return fmt.Sprintf("want an id of 1 to %d", openflow.MeterMax)
	case units != openflow.MeterKbps && units != openflow.MeterPktps:
		return "want a rate in kbit/s or in packets a second"
	case len(m.Mod.Bands) == 0 || len(m.Mod.Bands) > maxBands:
		return fmt.Sprintf("it has %d bands: want 1 to %d", len(m.Mod.Bands), maxBands)
	}

	for _, band := range m.Mod.Bands {
		if band.Kind != openflow.BandDrop {
			return fmt.Sprintf("a band of type %d: want one that drops", band.Kind)
		}
	}
	return ""
}

// checkUses checks that flows use groups and meters of the program alone, and that a packet which
// passes a group only goes to higher tables, so that no packet goes round in circles.
func checkUses(p *tap.Program, groups, meters map[uint32]string) error {
	lowest := map[uint32]wire.TableID{}
	for i := range p.Groups {
		lowest[p.Groups[i].Mod.ID] = lowestTable(p.Groups[i].Mod.Buckets)
	}

	for i := range p.Flows {
		f := &p.Flows[i]
		if table := lowestResubmit(f.Mod.Instructions); table <= f.Mod.Table {
			return fmt.Errorf("flow %v of %q: it leads to table %d, which is not higher", &f.Mod,
				f.Owner, table)
		}

		usedGroups, usedMeters := flowtable.Uses(f.Mod.Instructions)
		for _, id := range usedGroups {
			if _, known := groups[id]; !known {
				return fmt.Errorf("flow %v of %q: group %d is not of the program", &f.Mod, f.Owner,
					id)
			}
			if lowest[id] <= f.Mod.Table {
				return fmt.Errorf("flow %v of %q: group %d leads to table %d, which is not higher",
					&f.Mod, f.Owner, id, lowest[id])
			}
		}
		for _, id := range usedMeters {
			if _, known := meters[id]; !known {
				return fmt.Errorf("flow %v of %q: meter %d is not of the program", &f.Mod, f.Owner,
					id)
			}
		}
	}
	return nil
}

// lowestTable is the lowest table that buckets lead to; the highest of all if they lead to none.
func lowestTable(buckets []openflow.Bucket) wire.TableID {
	lowest := openflow.TableAll
	for i := range buckets {
		lowest = min(lowest, lowestOf(buckets[i].Actions))
	}
	return lowest
}

// lowestResubmit is the lowest table that instructions resubmit to; the highest of all if they do
// not.
func lowestResubmit(list []action.Instruction) wire.TableID {
	lowest := openflow.TableAll
	for _, i := range list {
		switch i := i.(type) {
		case action.ApplyActions:
			lowest = min(lowest, lowestOf(i))
		case action.WriteActions:
			lowest = min(lowest, lowestOf(i))
		}
	}
	return lowest
}

// lowestOf is the lowest table that actions resubmit to; the highest of all if they do not.
func lowestOf(actions []action.Action) wire.TableID {
	lowest := openflow.TableAll
	for _, a := range actions {
		if table, apart := tap.IsApart(a); apart {
			lowest = min(lowest, table)
		}
		if onward, is := a.(action.Resubmit); is {
			lowest = min(lowest, onward.Table)
		}
	}
	return lowest
}
