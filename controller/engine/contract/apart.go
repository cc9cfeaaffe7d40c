package contract

import (
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// besideOriginal are the tables that packets with some metadata meet without having been set apart
// from the original, by any way of the program.
func (x *check) besideOriginal(mark uint64) map[openflow.TableID]bool {
	tables := map[openflow.TableID]bool{0: true}
	for found := true; found; {
		found = false
		for i := range x.program.Flows {
			f := &x.program.Flows[i]
			if !tables[f.Mod.Table] || !concerns(f, mark) {
				continue
			}
			for _, next := range x.onward(f) {
				if !tables[next] {
					tables[next], found = true, true
				}
			}
		}
	}
	return tables
}

// onward are the tables to which a flow passes packets on beside the original.
func (x *check) onward(f *tap.FlowEntry) (tables []openflow.TableID) {
	for _, instruction := range f.Mod.Instructions {
		switch i := instruction.(type) {
		case action.GotoTable:
			tables = append(tables, i.Table)
		case action.ApplyActions:
			tables = append(tables, x.resubmits(i)...)
		}
	}
	return tables
}

// resubmits are the tables to which actions pass packets on, also by the buckets of groups.
func (x *check) resubmits(actions []action.Action) (tables []openflow.TableID) {
	for _, a := range actions {
		if _, apart := tap.IsApart(a); apart {
			continue
		}
		switch a := a.(type) {
		case action.Resubmit:
			tables = append(tables, a.Table)
		case action.Clone:
			tables = append(tables, x.resubmits(a.Actions)...)
		case action.Group:
			for i := range x.program.Groups {
				if g := &x.program.Groups[i].Mod; g.ID == a.ID {
					for _, bucket := range g.Buckets {
						tables = append(tables, x.bucketResubmits(bucket)...)
					}
				}
			}
		}
	}
	return tables
}

// bucketResubmits are those of a bucket. Buckets lead to no other group.
func (x *check) bucketResubmits(b openflow.Bucket) (tables []openflow.TableID) {
	for _, a := range b.Actions {
		if r, is := a.(action.Resubmit); is {
			tables = append(tables, r.Table)
		}
	}
	return tables
}
