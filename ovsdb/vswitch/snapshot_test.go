package vswitch_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

// schemaOf reads the schema in testdata, which has the columns that the package
// reads as Open vSwitch 3.1 has them, after an edit.
func schemaOf(t testing.TB, edit func(text string) string) *ovsdb.DatabaseSchema {
	t.Helper()
	text, err := os.ReadFile("testdata/vswitch.ovsschema.json")
	require.NoError(t, err)
	db, err := ovsdb.ParseSchema([]byte(edit(string(text))))
	require.NoError(t, err)
	return db
}

func asItIs(text string) string { return text }

// id makes a UUID of a small number.
func id(n int) vswitch.UUID {
	u, err := ovsdb.ParseUUID(fmt.Sprintf("%08x-0000-4000-8000-000000000000", n))
	if err != nil {
		panic(err)
	}
	return u
}

func set(ids ...int) string {
	var list []string
	for _, n := range ids {
		list = append(list, fmt.Sprintf(`["uuid","%v"]`, id(n)))
	}
	return `["set",[` + strings.Join(list, ",") + `]]`
}

// apply applies the text of an update2.
func apply(
	t testing.TB, db *ovsdb.DatabaseSchema, s *vswitch.Snapshot, text string,
) (*vswitch.Snapshot, vswitch.Changes) {
	t.Helper()
	updates, err := ovsdb.ParseTableUpdates2([]byte(text), db)
	require.NoError(t, err)
	next, changes, err := s.Apply(updates)
	require.NoError(t, err)
	return next, changes
}

// twoBridges is a switch with bridges 1 and 2, ports 11 and 12 on the first,
// 21 on the second, a mirror on the first.
func twoBridges(t testing.TB) (*ovsdb.DatabaseSchema, *vswitch.Snapshot) {
	t.Helper()
	db := schemaOf(t, asItIs)
	s, err := vswitch.NewSnapshot(db)
	require.NoError(t, err)
	row := func(n int,
		columns string) string {
		return fmt.Sprintf(`"%v":{"initial":{%s}}`, id(n), columns)
	}
	s, _ = apply(t, db, s, `{
		"Open_vSwitch":{`+row(100, `"bridges":`+set(1, 2)+`,"next_cfg":3,"cur_cfg":2,
			"ovs_version":"3.1.0","datapath_types":["set",["netdev","system"]],
			"external_ids":["map",[["a","1"]]]`)+`},
		"Bridge":{`+row(1, `"name":"br1","ports":`+set(12, 11)+`,"mirrors":`+set(51)+`,
			"controller":`+set(61)+`,"fail_mode":"secure","protocols":["set",["OpenFlow13",
			"OpenFlow10"]]`)+`,
			`+row(2, `"name":"br2","ports":`+set(21))+`},
		"Port":{`+row(11, `"name":"b","interfaces":`+set(31)+`,"tag":7,"trunks":["set",[3,2,1]],
			"external_ids":["map",[["owner","test"]]]`)+`,
			`+row(12, `"name":"a","interfaces":`+set(32))+`,`+row(21, `"name":"c","interfaces":`+
		set(33, 34)+`,"bond_mode":"active-backup"`)+`},
		"Interface":{`+row(31, `"name":"b","type":"patch","ofport":-1,"error":"no","options":["map",
			[["peer","x"]]],"mac_in_use":"02:00:00:00:00:01"`)+`,
			`+row(32, `"name":"a","ofport":5`)+`,`+row(33, `"name":"e1"`)+`,`+
		row(34, `"name":"e0"`)+`},
		"Mirror":{`+row(51, `"name":"m","select_src_port":`+set(11)+`,"output_port":`+set(12)+`,
			"statistics":["map",[["tx_packets",9]]],"snaplen":64,"external_ids":["map",[["owner",
			"test"]]]`)+`},
		"Controller":{`+row(61, `"target":"tcp:1","is_connected":true,"role":"master",
			"inactivity_probe":0`)+`},
		"Manager":{`+row(71, `"target":"ptcp:6640"`)+`}}`)
	return db, s
}

func TestSnapshotQueries(t *testing.T) {
	_, s := twoBridges(t)
	require.Equal(t, &vswitch.OpenVSwitch{
		UUID: id(100), Bridges: []vswitch.UUID{id(1),
			id(2)}, NextCfg: 3, CurCfg: 2, OVSVersion: "3.1.0",
		ExternalIDs: vswitch.PairsOf(map[string]string{"a": "1"}),
	}, s.System(), "system")

	b, ok := s.Bridge("br1")
	require.True(t, ok, "br1 is there")
	require.Equal(t, &vswitch.Bridge{
		UUID: id(1), Name: "br1", Ports: []vswitch.UUID{id(11),
			id(12)}, Mirrors: []vswitch.UUID{id(51)}, Controllers: []vswitch.UUID{id(61)},
		FailMode: "secure", Protocols: []string{"OpenFlow10", "OpenFlow13"},
	}, b, "bridge")

	names := func(ports []*vswitch.Port) (list []string) {
		for _, p := range ports {
			list = append(list, p.Name)
		}
		return list
	}
	require.Equal(t, []string{"a", "b"}, names(s.BridgePorts(b)), "ports by name")
	require.Equal(t, []string{"b", "a", "c"}, names(slices.Collect(s.Ports())), "all ports")
	require.Len(t, s.Bridges(), 2, "bridges")
	p, ok := s.PortByName("b")
	require.True(t, ok, "b is there")
	require.Equal(t, &vswitch.Port{
		UUID: id(11), Name: "b", Interfaces: []vswitch.UUID{id(31)}, Tag: new(7), Trunks: []int{1,
			2, 3}, ExternalIDs: vswitch.PairsOf(map[string]string{"owner": "test"}),
	}, p, "port")

	require.Equal(t, []*vswitch.Interface{{
		UUID: id(31), Name: "b", Type: "patch", OFPort: -1, Error: "no",
		Options: vswitch.PairsOf(map[string]string{"peer": "x"}), MACInUse: "02:00:00:00:00:01",
	}}, s.PortInterfaces(p), "interfaces")

	require.Equal(t, []*vswitch.Mirror{{
		UUID: id(51), Name: "m", SelectSrcPort: []vswitch.UUID{id(11)}, OutputPort: new(id(12)),
		Snaplen:     64,
		Statistics:  map[string]int64{"tx_packets": 9},
		ExternalIDs: vswitch.PairsOf(map[string]string{"owner": "test"}),
	}}, s.BridgeMirrors(b), "mirrors")

	require.Equal(t,
		[]*vswitch.Controller{{UUID: id(61), Target: "tcp:1", IsConnected: true, Role: "master",
			InactivityProbe: new(0)}}, s.Controllers(b), "controllers")
	require.Equal(t, []*vswitch.Manager{{UUID: id(71), Target: "ptcp:6640"}}, s.Managers(),
		"managers")
	c, _ := s.PortByName("c")
	require.Equal(t, "e0", s.PortInterfaces(c)[0].Name, "bond")
	owner, ok := s.BridgeOfPort(id(21))
	require.True(t, ok && owner.Name == "br2", "port 21 is on br2")
	owner, ok = s.BridgeOfMirror(id(51))
	require.True(t, ok && owner.Name == "br1", "the mirror is on br1")
	_, ok = s.PortOnBridge("br1", "c")
	require.False(t, ok, "c is not on br1")
	_, ok = s.PortOnBridge("br2", "c")
	require.True(t, ok, "c is on br2")
	_, ok = s.Bridge("b")
	require.False(t, ok, "a port is no bridge")
	require.True(t, s.HasColumn(vswitch.TableMirror, "snaplen") &&
		!s.HasColumn(vswitch.TableMirror, "later"), "columns are known")
	require.False(t, s.HasColumn("QoS", "type"), "nothing is known of tables that are not ours")
}

func TestSnapshotApply(t *testing.T) {
	db, before := twoBridges(t)
	kinds := func(c vswitch.Changes) (list []string) {
		for _, ch := range c {
			list = append(list, fmt.Sprintf("%s %v %.8v", ch.Table, ch.Kind, ch.UUID))
		}
		slices.Sort(list)
		return list
	}
	for _, tc := range []struct {
		name, update string
		changes      []string
		check        func(s *vswitch.Snapshot) bool
	}{
		{
			"port moves to the other bridge", `{"Bridge":{"` + id(1).String() +
				`":{"modify":{"ports":` + set(11) + `}},"` + id(2).String() +
				`":{"modify":{"ports":` + set(11) + `}}}}`,
			[]string{"Bridge modified 00000001", "Bridge modified 00000002"},
			func(s *vswitch.Snapshot) bool {
				b,
					ok := s.BridgeOfPort(id(11))
				return ok && b.Name == "br2"
			},
		},
		{
			"port moves, told the other way round", `{"Bridge":{"` + id(2).String() +
				`":{"modify":{"ports":` + set(11) + `}},"` + id(1).String() +
				`":{"modify":{"ports":` + set(11) + `}}}}`,
			[]string{"Bridge modified 00000001", "Bridge modified 00000002"},
			func(s *vswitch.Snapshot) bool {
				b,
					ok := s.BridgeOfPort(id(11))
				return ok && b.Name == "br2"
			},
		},
		{
			"port is replaced by one of its name", `{"Port":{"` + id(13).String() +
				`":{"insert":{"name":"b","interfaces":` + set(31) + `}},"` + id(11).String() +
				`":{"delete":null}},
				"Bridge":{"` + id(1).String() + `":{"modify":{"ports":` + set(11, 13) + `}}}}`,
			[]string{"Bridge modified 00000001", "Port deleted 0000000b", "Port inserted 0000000d"},
			func(s *vswitch.Snapshot) bool {
				p, ok := s.PortOnBridge("br1", "b")
				_, old := s.BridgeOfPort(id(11))
				return ok && p.UUID == id(13) && !old
			},
		},
		{
			"optional, set and map", `{"Port":{"` + id(11).String() +
				`":{"modify":{"tag":8,"trunks":["set",[2,9]],"external_ids":["map",[["owner",` +
				`"test"],["k","v"]]]}}}}`,
			[]string{"Port modified 0000000b"},
			func(s *vswitch.Snapshot) bool {
				p, _ := s.Port(id(11))
				return *p.Tag == 8 && slices.Equal(p.Trunks, []int{1, 3, 9}) &&
					p.ExternalIDs == vswitch.PairsOf(map[string]string{"k": "v"})
			},
		},
		{
			"optional is emptied", `{"Port":{"` + id(11).String() +
				`":{"modify":{"tag":["set",[]]}}},"Mirror":{"` + id(51).String() +
				`":{"modify":{"output_port":["set",[]],"select_src_port":` + set(11) + `}}}}`,
			[]string{"Mirror modified 00000033", "Port modified 0000000b"},
			func(s *vswitch.Snapshot) bool {
				p, _ := s.Port(id(11))
				m, _ := s.Mirror(id(51))
				return p.Tag == nil && m.OutputPort == nil && m.SelectSrcPort == nil
			},
		},
		{
			"bridge is deleted", `{"Bridge":{"` + id(2).String() + `":{"delete":null}},"Port":{"` +
				id(21).String() + `":{"delete":null}}}`,
			[]string{"Bridge deleted 00000002", "Port deleted 00000015"},
			func(s *vswitch.Snapshot) bool {
				_, bridge := s.Bridge("br2")
				_, port := s.PortByName("c")
				_, onBridge := s.BridgeOfPort(id(21))
				return !bridge && !port && !onBridge
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			after, changes := apply(t, db, before, tc.update)
			require.Equal(t, tc.changes, kinds(changes), "changes")
			require.Equal(t, tc.changes, kinds(after.Since(before)), "changes by comparison")
			require.True(t, tc.check(after), tc.name)
			require.False(t, tc.check(before), "the snapshot before is what it was")
			_, again := twoBridges(t)
			sameSnapshots(t, again, before)
		})
	}
}

// sameSnapshots compares everything that two snapshots tell.
func sameSnapshots(t testing.TB, want, got *vswitch.Snapshot) {
	t.Helper()
	require.Len(t, got.Since(want), 0, "differences")
	require.Equal(t, want.System(), got.System(), "system")
	require.Equal(t, want.Managers(), got.Managers(), "managers")
	require.Equal(t, slices.Collect(want.Ports()), slices.Collect(got.Ports()), "ports")
	require.Equal(t, slices.Collect(want.Interfaces()), slices.Collect(got.Interfaces()),
		"interfaces")
	require.Equal(t, want.Bridges(), got.Bridges(), "bridges")

	for _, b := range want.Bridges() {
		named, ok := got.Bridge(b.Name)
		require.True(t, ok && named.UUID == b.UUID, "bridge "+b.Name+" is found")
		require.Equal(t, want.BridgeMirrors(b), got.BridgeMirrors(b), "mirrors")
		require.Equal(t, want.Controllers(b), got.Controllers(b), "controllers")
		for _, m := range b.Mirrors {
			on, ok := got.BridgeOfMirror(m)
			require.True(t, ok && on.UUID == b.UUID, "mirror's bridge")
		}
	}

	for p := range want.Ports() {
		named, ok := got.PortByName(p.Name)
		require.True(t, ok && named.UUID == p.UUID, "port "+p.Name+" is found")
		a, okA := want.BridgeOfPort(p.UUID)
		b, okB := got.BridgeOfPort(p.UUID)
		require.True(t, okA == okB && (!okA || a.UUID == b.UUID),
			"port "+p.Name+" is on its bridge")
	}
}

// TestApplyRefuses: an update that does not fit the snapshot is an error, and
// the snapshot stays.
func TestApplyRefuses(t *testing.T) {
	db, s := twoBridges(t)
	for name, text := range map[string]string{
		"change of no row":   `{"Port":{"` + id(99).String() + `":{"modify":{"tag":1}}}}`,
		"deletion of no row": `{"Port":{"` + id(99).String() + `":{"delete":null}}}`,
	} {
		updates, err := ovsdb.ParseTableUpdates2([]byte(text), db)
		require.NoError(t, err)
		next, changes, err := s.Apply(updates)
		require.True(t, err != nil && next == nil && changes == nil, name)
	}
}

// TestPlainMonitor: the updates of RFC 7047 lead to the same snapshot as those
// of monitor_cond.
func TestPlainMonitor(t *testing.T) {
	db, before := twoBridges(t)
	want, _ := apply(t, db, before, `{"Port":{"`+id(12).String()+`":{"modify":{"tag":9}}}}`)
	updates, err := ovsdb.ParseTableUpdates([]byte(`{"Port":{"`+id(12).String()+
		`":{"old":{"tag":["set",[]]},"new":{"name":"a","interfaces":`+set(32)+
		`,"tag":9,"trunks":["set",[]]}}}}`), db)
	require.NoError(t, err)
	got, _, err := before.Apply(updates)
	require.NoError(t, err)
	sameSnapshots(t, want, got)
}

// TestOtherSchemas: a column that a schema lacks is not asked for and reads as
// zero; a database that is not Open vSwitch's is refused.
func TestOtherSchemas(t *testing.T) {
	db := schemaOf(t,
		func(text string) string { return strings.Replace(text, `"snaplen"`, `"snaplength"`, 1) })
	s, err := vswitch.NewSnapshot(db)
	require.NoError(t, err)
	require.False(t, s.HasColumn(vswitch.TableMirror, "snaplen"), "snaplen is not there")
	require.False(t, slices.Contains(vswitch.Request().Prune(db)["Mirror"].Columns, "snaplen"),
		"nor asked for")

	for name, edit := range map[string][2]string{"table": {`"Mirror":`, `"Mirage":`},
		"name": {`"target"`, `"aim"`}} {
		db := schemaOf(t,
			func(text string) string { return strings.ReplaceAll(text, edit[0], edit[1]) })
		_, err := vswitch.NewSnapshot(db)
		require.True(t, err != nil, "refused for want of "+name)
	}
}

// TestNeverStatistics: the statistics of interfaces, which change every few
// seconds, are not watched.
func TestNeverStatistics(t *testing.T) {
	require.False(t, slices.Contains(vswitch.Request()["Interface"].Columns, "statistics"),
		"not watched")
}

func TestCounted(t *testing.T) {
	for name, c := range map[string]struct {
		update  string
		counted bool
	}{
		"nothing": {`{}`, true},
		"the numbers grow": {`{"Mirror":{"51":{"modify":{"statistics":["map",[["tx_packets",` +
			`12]]]}}}}`, true},
		"the numbers go": {`{"Mirror":{"51":{"modify":{"statistics":["map",[["tx_packets",` +
			`9]]]}}}}`, false},
		"a mirror is altered": {`{"Mirror":{"51":{"modify":{"statistics":["map",[["tx_packets",` +
			`12]]],"snaplen":65}}}}`, false},
		"a mirror is deleted":   {`{"Mirror":{"51":{"delete":null}}}`, false},
		"a port's tag changes":  {`{"Port":{"11":{"modify":{"tag":8}}}}`, false},
		"a port's number comes": {`{"Interface":{"31":{"modify":{"ofport":7}}}}`, false},
		"time passes": {`{"Controller":{"61":{"modify":{"status":["map",[["sec_since_connect",
			"9"]]]}}},
			"Manager":{"71":{"modify":{"status":["map",[["sec_since_connect","10"]]]}}}}`, true},
		"a connection is lost": {`{"Controller":{"61":{"modify":{"is_connected":false}}}}`,
			false},
		"a role changes": {`{"Controller":{"61":{"modify":{"role":"slave"}}}}`, false},
		"an error comes": {`{"Controller":{"61":{"modify":{"status":["map",` +
			`[["last_error","no"]]]}}}}`, false},
		"one listens elsewhere":  {`{"Manager":{"71":{"modify":{"target":"ptcp:6641"}}}}`, false},
		"the switch has applied": {`{"Open_vSwitch":{"100":{"modify":{"cur_cfg":3}}}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			db, before := twoBridges(t)
			before, _ = apply(t, db, before, fmt.Sprintf(`{
				"Controller":{"%v":{"modify":{"status":["map",[["sec_since_connect","4"]]]}}},
				"Manager":{"%v":{"modify":{"status":["map",[["sec_since_connect","5"]]]}}}}`,
				id(61), id(71)))
			text := c.update
			for _, n := range []int{51, 11, 31, 61, 71, 100} {
				text = strings.ReplaceAll(text, fmt.Sprintf(`"%d"`, n), fmt.Sprintf(`"%v"`, id(n)))
			}

			after, _ := apply(t, db, before, text)
			require.Equal(t, c.counted, after.OnlyCountersDiffer(before), "counted")
		})
	}
}

func TestAllOpen(t *testing.T) {
	db, s := twoBridges(t)
	require.False(t, s.AllOpen(), "of four interfaces one has an error, and two no number")

	for _, step := range []struct {
		row    int
		change string
		open   bool
	}{
		{33, `{"modify":{"ofport":1}}`, false},
		{34, `{"modify":{"ofport":2}}`, false},
		{31, `{"delete":null}`, true},
		{32, `{"modify":{"mac_in_use":"02:00:00:00:00:09"}}`, true},
		{35, `{"insert":{"name":"n"}}`, false},
		{35, `{"modify":{"ofport":6}}`, true},
		{35, `{"modify":{"error":"no"}}`, false},
		{35, `{"modify":{"error":["set",[]]}}`, true},
		{35, `{"modify":{"ofport":-1}}`, false},
		{35, `{"delete":null}`, true},
	} {
		s, _ = apply(t, db, s, fmt.Sprintf(`{"Interface":{"%v":%s}}`, id(step.row), step.change))
		require.Equal(t, step.open, s.AllOpen(), "after %s of %d", step.change, step.row)
	}
}
