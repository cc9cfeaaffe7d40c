package flowtable

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// Resources are what the flows of a switch rely on. A switch loses them when it restarts. None of
// them is reported by a flow monitor, except that flows go with the groups and meters that they
// use.
type Resources struct {
	Groups []openflow.GroupDesc
	Meters []openflow.MeterConfig
	Config openflow.SwitchConfig // its flags say how fragments are handled
}

// Equal reports whether two switches have the same resources, listed in the same order.
func (r *Resources) Equal(o *Resources) bool {
	return r.Config == o.Config &&
		slices.EqualFunc(r.Groups, o.Groups, func(a, b openflow.GroupDesc) bool {
			return sameGroup(GroupOf(a), b)
		}) &&
		slices.EqualFunc(r.Meters, o.Meters, func(a, b openflow.MeterConfig) bool {
			return sameMeter(MeterOf(a), b)
		})
}

// GroupOf is the message that adds a group as installed.
func GroupOf(g openflow.GroupDesc) openflow.GroupMod {
	return openflow.GroupMod{Group: g.Group, ID: g.ID, Buckets: g.Buckets}
}

// MeterOf is the message that adds a meter as installed.
func MeterOf(m openflow.MeterConfig) openflow.MeterMod {
	return openflow.MeterMod{Flags: m.Flags, ID: m.ID, Bands: m.Bands}
}

// DumpResources reads the groups, meters and configuration of a switch, sorted by id. A switch
// without groups or meters has none.
func DumpResources(ctx context.Context, conn *ofconn.Conn) (Resources, error) {
	var out Resources
	var errs [3]error

	// The three requests travel together.
	var readers sync.WaitGroup
	readers.Go(func() {
		out.Groups, errs[0] = ofconn.List[openflow.GroupDescReply](ctx, conn,
			openflow.GroupDescRequest{})
	})
	readers.Go(func() {
		out.Meters, errs[1] = ofconn.List[openflow.MeterConfigReply](ctx, conn,
			openflow.MeterConfigRequest{ID: openflow.MeterAll})
	})
	readers.Go(func() { out.Config, errs[2] = dumpConfig(ctx, conn) })
	readers.Wait()

	for i, what := range []string{"groups", "meters", "configuration"} {
		var refused *ofconn.RequestError
		if err := errs[i]; err != nil && !errors.As(err, &refused) {
			return Resources{}, fmt.Errorf("dump %s: %w", what, err)
		}
	}

	slices.SortFunc(out.Groups, func(a, b openflow.GroupDesc) int {
		return cmp.Compare(a.ID, b.ID)
	})
	slices.SortFunc(out.Meters, func(a, b openflow.MeterConfig) int {
		return cmp.Compare(a.ID, b.ID)
	})
	return out, nil
}

func dumpConfig(ctx context.Context, conn *ofconn.Conn) (openflow.SwitchConfig, error) {
	reply, err := conn.Request(ctx, &openflow.GetConfigRequest{})
	if err != nil {
		return openflow.SwitchConfig{}, err
	}
	config, is := reply.(*openflow.GetConfigReply)
	if !is {
		return openflow.SwitchConfig{}, fmt.Errorf("%w: the reply is %T", ofconn.ErrProtocol, reply)
	}
	return config.SwitchConfig, nil
}

// DiffGroups returns the group-mods that turn the groups of have into those of want, sorted by id:
// added and changed ones, which must take effect before flows that use them, and deletions, which
// take flows with them and so come after the flows that must stop using the groups.
func DiffGroups(
	want []openflow.GroupMod, have []openflow.GroupDesc,
) (set, deleted []openflow.GroupMod) {
	stand := make(map[uint32]openflow.GroupDesc, len(have))
	for _, h := range have {
		stand[h.ID] = h
	}

	for _, w := range want {
		h, stands := stand[w.ID]
		delete(stand, w.ID)
		w.Command = openflow.GroupAdd
		if stands {
			w.Command = openflow.GroupModify
		}
		if !stands || !sameGroup(w, h) {
			set = append(set, w)
		}
	}

	for _, id := range slices.Sorted(maps.Keys(stand)) {
		deleted = append(deleted, openflow.GroupMod{Command: openflow.GroupDelete,
			Group: stand[id].Group, ID: id})
	}
	slices.SortFunc(set, func(a, b openflow.GroupMod) int { return cmp.Compare(a.ID, b.ID) })
	return set, deleted
}

// DiffMeters is [DiffGroups] for meters. None of the messages may be in a bundle.
func DiffMeters(
	want []openflow.MeterMod, have []openflow.MeterConfig,
) (set, deleted []openflow.MeterMod) {
	stand := make(map[uint32]openflow.MeterConfig, len(have))
	for _, h := range have {
		stand[h.ID] = h
	}

	for _, w := range want {
		h, stands := stand[w.ID]
		delete(stand, w.ID)
		w.Command = openflow.MeterAdd
		if stands {
			w.Command = openflow.MeterModify
		}
		if !stands || !sameMeter(w, h) {
			set = append(set, w)
		}
	}

	for _, id := range slices.Sorted(maps.Keys(stand)) {
		deleted = append(deleted, openflow.MeterMod{Command: openflow.MeterDelete, ID: id})
	}
	slices.SortFunc(set, func(a, b openflow.MeterMod) int { return cmp.Compare(a.ID, b.ID) })
	return set, deleted
}

// sameGroup compares wire forms, in which a switch reports the same buckets the same way.
func sameGroup(w openflow.GroupMod, h openflow.GroupDesc) bool {
	if w.Group != h.Group || len(w.Buckets) != len(h.Buckets) {
		return false
	}

	have := GroupOf(h)
	w.Command = have.Command
	a, errA := openflow.AppendMessage(nil, 0, &w)
	b, errB := openflow.AppendMessage(nil, 0, &have)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

func sameMeter(w openflow.MeterMod, h openflow.MeterConfig) bool {
	return w.Flags == h.Flags && slices.Equal(w.Bands, h.Bands)
}

// Uses returns the groups and meters that instructions refer to.
func Uses(list []action.Instruction) (groups, meters []uint32) {
	for _, i := range list {
		switch i := i.(type) {
		case action.Meter:
			meters = append(meters, i.ID)
		case action.ApplyActions:
			groups = append(groups, groupsOf(i)...)
		case action.WriteActions:
			groups = append(groups, groupsOf(i)...)
		}
	}
	return groups, meters
}

func groupsOf(actions []action.Action) (groups []uint32) {
	for _, a := range actions {
		switch a := a.(type) {
		case action.Group:
			groups = append(groups, a.ID)
		case action.Clone:
			groups = append(groups, groupsOf(a.Actions)...)
		}
	}
	return groups
}
