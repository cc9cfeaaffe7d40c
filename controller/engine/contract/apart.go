package contract

import (
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// besideOriginal are the tables that packets with some metadata meet without having been set apart
// from the original, by any way of the program.
func (x *check) besideOriginal(mark uint64) map[openflow.TableID]bool {
	return x.reached(mark, func(f *tap.FlowEntry) []openflow.TableID { return x.onward(f, false) })
}

// beforeLimit are the tables that packets with some metadata meet before they are held to the rate
// limit of one of some captures, by any way of the program.
func (x *check) beforeLimit(mark uint64, captures map[string]uint64) map[openflow.TableID]bool {
	return x.reached(mark, func(f *tap.FlowEntry) []openflow.TableID {
		if x.limits(f, captures) {
			return nil
		}
		return x.onward(f, true)
	})
}

// reached are the tables that packets with some metadata meet, from table 0 on, where each flow
// passes them on to the tables that onward returns.
func (x *check) reached(
	mark uint64, onward func(*tap.FlowEntry) []openflow.TableID,
) map[openflow.TableID]bool {
	tables := map[openflow.TableID]bool{0: true}
	for found := true; found; {
		found = false
		for i := range x.program.Flows {
			f := &x.program.Flows[i]
			if !tables[f.Mod.Table] || !concerns(f, mark) {
				continue
			}
			for _, next := range onward(f) {
				if !tables[next] {
					tables[next], found = true, true
				}
			}
		}
	}
	return tables
}

// onward are the tables to which a flow passes packets on; apart says whether those count to which
// it passes them apart from the original.
func (x *check) onward(f *tap.FlowEntry, apart bool) (tables []openflow.TableID) {
	for _, instruction := range f.Mod.Instructions {
		switch i := instruction.(type) {
		case action.GotoTable:
			tables = append(tables, i.Table)
		case action.ApplyActions:
			tables = append(tables, x.resubmits(i, apart)...)
		}
	}
	return tables
}

// resubmits are the tables to which actions pass packets on, also by the buckets of groups, which
// have no groups in them.
func (x *check) resubmits(actions []action.Action, apart bool) (tables []openflow.TableID) {
	for _, a := range actions {
		if _, is := tap.IsApart(a); is && !apart {
			continue
		}
		switch a := a.(type) {
		case action.Resubmit:
			tables = append(tables, a.Table)
		case action.Clone:
			tables = append(tables, x.resubmits(a.Actions, apart)...)
		case action.Group:
			for _, bucket := range x.buckets(a.ID) {
				tables = append(tables, x.resubmits(bucket.Actions, apart)...)
			}
		}
	}
	return tables
}

// buckets are those of a group of the program.
func (x *check) buckets(group uint32) []openflow.Bucket {
	for i := range x.program.Groups {
		if g := &x.program.Groups[i].Mod; g.ID == group {
			return g.Buckets
		}
	}
	return nil
}
