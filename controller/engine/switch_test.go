package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bridge, port, device and mirror say in few words what a switch's database holds.
type bridge struct {
	name, datapath string
	ids            map[string]string
	ports          []port
	mirrors        []mirrorRow
}

type port struct {
	name    string
	devices []device // none: one of the port's name
	ids     map[string]string
	tag     int // 0: none
}

type device struct {
	name, typ, mac, driver, admin, link, failure string
	ofport                                       int
	ids                                          map[string]string
}

type mirrorRow struct {
	name string
	ids  map[string]string
}

// guestPort is a port with the ids of a guest's NIC.
func guestPort(name string, ofport int, ids map[string]string) port {
	return port{name: name, devices: []device{{ofport: ofport, driver: "tun", mac: "fe:54:00:00:00:01", ids: ids}}}
}

func nicPort(name, driver string) port {
	return port{name: name, devices: []device{{ofport: 1, driver: driver, mac: "52:54:00:00:00:99"}}}
}

// rows collects rows of a snapshot in the JSON form of updates.
type rows struct {
	n      int
	tables map[string]map[string]any
}

func (r *rows) add(table string, columns map[string]any) []string {
	r.n++
	id := fmt.Sprintf("%08x-0000-4000-8000-000000000000", r.n)
	if r.tables[table] == nil {
		r.tables[table] = map[string]any{}
	}
	for name, v := range columns {
		if text, is := v.(string); is && text == "" {
			delete(columns, name)
		}
	}
	r.tables[table][id] = map[string]any{"initial": columns}
	return []string{"uuid", id}
}

func pairs(m map[string]string) []any {
	list := [][]string{}
	for k, v := range m {
		list = append(list, []string{k, v})
	}
	return []any{"map", list}
}

func members(ids [][]string) []any {
	if ids == nil {
		ids = [][]string{}
	}
	return []any{"set", ids}
}

// snapshot makes the snapshot of a switch with these ids of table Open_vSwitch, and bridges, each with its own port.
func snapshot(t require.TestingT, ids map[string]string, bridges ...bridge) *vswitch.Snapshot {
	r := rows{tables: map[string]map[string]any{}}
	var all [][]string
	for _, b := range bridges {
		own := port{name: b.name, devices: []device{{typ: "internal", ofport: 65534}}}
		var ports, mirrors [][]string
		for _, p := range append([]port{own}, b.ports...) {
			if p.devices == nil {
				p.devices = []device{{ofport: 1}}
			}
			var devices [][]string
			for _, d := range p.devices {
				if d.name == "" {
					d.name = p.name
				}
				columns := map[string]any{
					"name": d.name, "type": d.typ, "mac_in_use": d.mac, "admin_state": d.admin, "link_state": d.link, "error": d.failure,
					"external_ids": pairs(d.ids), "status": pairs(map[string]string{"driver_name": d.driver}),
				}
				if d.ofport != 0 {
					columns["ofport"] = d.ofport
				}
				devices = append(devices, r.add("Interface", columns))
			}
			columns := map[string]any{"name": p.name, "interfaces": members(devices), "external_ids": pairs(p.ids)}
			if p.tag != 0 {
				columns["tag"] = p.tag
			}
			ports = append(ports, r.add("Port", columns))
		}
		for _, m := range b.mirrors {
			mirrors = append(mirrors, r.add("Mirror", map[string]any{"name": m.name, "external_ids": pairs(m.ids)}))
		}
		all = append(all, r.add("Bridge", map[string]any{
			"name": b.name, "datapath_type": b.datapath, "external_ids": pairs(b.ids), "ports": members(ports), "mirrors": members(mirrors),
		}))
	}
	r.add("Open_vSwitch", map[string]any{"external_ids": pairs(ids), "bridges": members(all), "ovs_version": "3.1.0"})
	return r.apply(t)
}

func (r *rows) apply(t require.TestingT) *vswitch.Snapshot {
	text, err := os.ReadFile("../../ovsdb/vswitch/testdata/vswitch.ovsschema.json")
	require.NoError(t, err)
	schema, err := ovsdb.ParseSchema(text)
	require.NoError(t, err)
	empty, err := vswitch.NewSnapshot(schema)
	require.NoError(t, err)
	text, err = json.Marshal(r.tables)
	require.NoError(t, err)
	updates, err := ovsdb.ParseTableUpdates2(text, schema)
	require.NoError(t, err)
	full, _, err := empty.Apply(updates)
	require.NoError(t, err)
	return full
}
