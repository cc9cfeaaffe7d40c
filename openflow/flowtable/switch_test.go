package flowtable_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/internal/generate"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func dial(t testing.TB, s ovs.Bridge) *ofconn.Conn {
	t.Helper()
	conn, err := ofconn.Dial(t.Context(), s.Management(), nil, ofconn.Options{})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { conn.Close() })
	return conn
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func dump(t testing.TB, ctx context.Context, conn *ofconn.Conn) []openflow.FlowStats {
	t.Helper()
	have, err := flowtable.Dump(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}

	return have
}

// flows makes n desired flows with different keys.
func flows(seed uint64, n int) []flowtable.Flow {
	s := generate.New(seed)
	seen := map[flowtable.Key]bool{}
	var list []flowtable.Flow
	for len(list) < n {
		m := s.FlowMod()
		f := flowtable.Flow{
			Table: m.Table, Priority: m.Priority, Match: m.Match, Cookie: m.Cookie,
			Instructions: m.Instructions,
			Flags:        m.Flags,
		}
		if !seen[f.Key()] {
			seen[f.Key()] = true
			list = append(list, f)
		}
	}

	return list
}

// TestApplyMakesTheTableEqual holds the canonical forms of keys and
// instructions against those of a real switch: what has been applied must read
// back as no difference, whatever was there before.
func TestApplyMakesTheTableEqual(t *testing.T) {
	s := ovs.StartBridge(t)
	conn := dial(t, s)
	ctx := within(t)
	random := flows(1, 2000)
	half := slices.Clone(random[:1000])
	for i := range half {
		half[i].Cookie++
	}

	for _, want := range [][]flowtable.Flow{random, random[500:], half, nil, random[:10]} {
		mods := flowtable.Diff(want, dump(t, ctx, conn), flowtable.Options{})
		if err := flowtable.Apply(ctx, conn, mods); err != nil {
			t.Fatal(err)
		}

		have := dump(t, ctx, conn)
		if len(have) != len(want) {
			t.Errorf("%d flows are installed, want %d", len(have), len(want))
		}

		for i, m := range flowtable.Diff(want, have, flowtable.Options{}) {
			if i < 10 {
				t.Errorf("still different: %v %v", m.Command, &m)
			}
		}
	}
}

// TestOtherFormsOfMatch: matches that a switch reports in another form than
// they were sent in are no difference.
func TestOtherFormsOfMatch(t *testing.T) {
	field := func(id oxm.FieldID, v, mask uint64) oxm.Field {
		return oxm.NewMaskedField(id, oxm.Uint128{Lo: v}, oxm.Uint128{Lo: mask})
	}
	ipv4 := oxm.EthType(0x0800)
	matches := []oxm.Match{
		{oxm.IPProto(17), ipv4},
		{ipv4, field(oxm.FieldIPTOS, 0xb8, 0xff)},
		{ipv4, field(oxm.FieldIPFrag, 3, 3)},
		{ipv4, field(oxm.FieldIPFrag, 0, 2)},
		{field(oxm.FieldVLANTCI, 0, 0xffff)},
		{field(oxm.FieldVLANTCI, 0x1005, 0x1fff)},
		{field(oxm.FieldVLANTCI, 0x1000, 0x1000)},
		{field(oxm.FieldVLANTCI, 0xb007, 0xffff)},
		{field(oxm.FieldVLANTCI, 0x1007, 0x100f)},
		{field(oxm.FieldXReg0, 5, 0xff)},
		{field(oxm.FieldXXReg1, 5, 0xff0)},
		{field(oxm.FieldMetadata, 5, 0)},
		{field(oxm.FieldTunFlags, 1, 1)},
		{field(oxm.FieldCTState, 0x21, 0xff)},
		{ipv4, oxm.IPv4Src(netip.MustParsePrefix("10.1.2.3/8"))},
		{ipv4, oxm.IPv4Src(netip.MustParsePrefix("10.1.2.3/32"))},
		{ipv4, oxm.IPv4Src(netip.MustParsePrefix("0.0.0.0/0")), oxm.IPProto(6)},
		{oxm.EthDstMasked(openflow.MAC{1, 2}, openflow.MAC{1})},
	}

	s := ovs.StartBridge(t)
	conn := dial(t, s)
	ctx := within(t)
	for i, m := range matches {
		t.Run(m.String(), func(t *testing.T) {
			want := []flowtable.Flow{{Table: openflow.TableID(i), Match: m}}
			if err := flowtable.Apply(ctx, conn,
				flowtable.Diff(want, dump(t, ctx, conn), flowtable.Options{})); err != nil {
				t.Fatal(err)
			}

			have := dump(t, ctx, conn)
			if mods := flowtable.Diff(want, have, flowtable.Options{}); mods != nil ||
				len(have) != 1 {
				t.Errorf("wanted %v, normal form %v, have %v, still different:%s", m, m.Normalize(),
					have, text(mods))
			}
		})
	}
}

func TestApplyReportsWhatTheSwitchRefuses(t *testing.T) {
	s := ovs.StartBridge(t)
	conn := dial(t, s)
	ctx := within(t)
	mods := []openflow.FlowMod{
		{Priority: 1},
		{Priority: 2, Table: 7, Instructions: []action.Instruction{action.GotoTable{Table: 3}}},
		{Priority: 3},
	}
	err := flowtable.Apply(ctx, conn, mods)
	var refused *flowtable.ModError
	if !errors.As(err, &refused) || refused.Mod != openflow.Message(&mods[1]) {
		t.Fatalf("Apply: %v, want a ModError with index 1", err)
	}

	var reply *ofconn.RequestError
	if !errors.As(err, &reply) || reply.Reply.ErrType != openflow.ErrorBadInstruction {
		t.Errorf("Apply: %v, want a RequestError with OFPET_BAD_INSTRUCTION", err)
	}

	if errors.Is(err, flowtable.ErrOutcomeUnknown) {
		t.Errorf("Apply: %v, but the outcome is known", err)
	}

	if have := dump(t, ctx, conn); len(have) != 0 {
		t.Errorf("after a refused bundle the table has %v, want nothing", have)
	}

	if err := conn.Err(); err != nil {
		t.Errorf("the connection ended: %v", err)
	}
}

func TestAddReportsWhatTheSwitchRefuses(t *testing.T) {
	s := ovs.StartBridge(t)
	conn := dial(t, s)
	ctx := within(t)
	mods := []openflow.FlowMod{
		{Priority: 1},
		{Priority: 2, Table: 7, Instructions: []action.Instruction{action.GotoTable{Table: 3}}},
		{Priority: 3},
	}
	err := flowtable.Add(ctx, conn, mods)
	var refused *flowtable.ModError
	if !errors.As(err, &refused) || refused.Mod != openflow.Message(&mods[1]) {
		t.Fatalf("Add: %v, want a ModError with index 1", err)
	}

	if have := dump(t, ctx, conn); len(have) != 2 {
		t.Errorf("the table has %v, want the two that were not refused", have)
	}

	if err := flowtable.Add(ctx, conn, mods[:1]); err != nil {
		t.Errorf("Add of what stands: %v", err)
	}
}

// TestApplyRefusedAtCommit breaks the rule that only shows when the bundle is
// committed: a flow that overlaps another.
func TestApplyRefusedAtCommit(t *testing.T) {
	s := ovs.StartBridge(t)
	conn := dial(t, s)
	ctx := within(t)
	mods := []openflow.FlowMod{
		{Priority: 2, Match: oxm.Match{oxm.InPort(1)}},
		{Priority: 2, Match: oxm.Match{oxm.EthType(0x88cc)}, Flags: openflow.FlowCheckOverlap},
	}
	err := flowtable.Apply(ctx, conn, mods)
	var refused *flowtable.ModError
	if !errors.As(err, &refused) || refused.Index != 1 {
		t.Fatalf("Apply: %v, want a ModError with index 1", err)
	}

	if have := dump(t, ctx, conn); len(have) != 0 {
		t.Errorf("after a refused bundle the table has %v, want nothing", have)
	}
}

func TestWatch(t *testing.T) {
	s := ovs.StartBridge(t)
	conn := dial(t, s)
	ctx := within(t)
	before := []flowtable.Flow{{Table: 1, Priority: 4, Cookie: 9,
		Instructions: []action.Instruction{action.ApplyActions{action.Output{Port: 3}}}}}
	if err := flowtable.Apply(ctx, conn,
		flowtable.Diff(before, nil, flowtable.Options{})); err != nil {
		t.Fatal(err)
	}

	initial, err := flowtable.Watch(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}

	if mods := flowtable.Diff(before, initial, flowtable.Options{}); len(initial) != 1 ||
		mods != nil {
		t.Errorf("initial flows %v, want %v", initial, before)
	}

	own := before[0].Add()
	own.Table = 2
	if err := flowtable.Apply(ctx, conn, []openflow.FlowMod{own}); err != nil {
		t.Fatal(err)
	}

	s.Ofctl("add-flow", "br0", "table=3,priority=5,cookie=0x99,tcp,tp_dst=80,actions=output:1")
	s.Ofctl("mod-flows", "br0", "table=3,actions=drop")
	s.Ofctl("del-flows", "br0", "table=3")
	match := oxm.Match{oxm.EthType(0x0800), oxm.IPProto(6), oxm.TCPDst(80)}
	want := []openflow.FlowUpdate{
		{Event: openflow.FlowAdded, Table: 3, Priority: 5, Cookie: 0x99, Match: match,
			Instructions: []action.Instruction{action.ApplyActions{action.Output{Port: 1}}}},
		{Event: openflow.FlowModified, Table: 3, Priority: 5, Cookie: 0x99, Match: match},
		{Event: openflow.FlowDeleted, Table: 3, Priority: 5, Cookie: 0x99, Match: match,
			Reason: openflow.RemovedDelete},
	}

	var got []openflow.FlowUpdate
	for len(got) < len(want) {
		select {
		case events := <-conn.Events():
			for _, e := range events {
				got = append(got, flowtable.Updates(e)...)
			}
		case <-ctx.Done():
			t.Fatalf("got %v, then no more events", got)
		}
	}

	if diff := cmp.Diff(want, got, cmp.AllowUnexported(oxm.Field{})); diff != "" {
		t.Errorf("updates (-want +got):\n%s", diff)
	}

	if err := flowtable.Unwatch(ctx, conn); err != nil {
		t.Fatal(err)
	}

	if err := conn.Barrier(ctx); err != nil {
		t.Fatal(err)
	}

	s.Ofctl("add-flow", "br0", "table=3,actions=drop")

	if err := conn.Barrier(ctx); err != nil {
		t.Fatal(err)
	}

	if n := len(conn.Events()); n != 0 {
		t.Errorf("%d events after Unwatch", n)
	}
}
