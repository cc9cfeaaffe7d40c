package switchtest

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// mac is an address of a guest in tests.
func MAC(n byte) tap.MAC { return tap.MAC{0x52, 0x54, 0, 0, 0, n} }

// bridge, port, device and mirror say in few words what a switch's database holds.
type Bridge struct {
	Name, Datapath string
	IDs            map[string]string
	Ports          []Port
	Mirrors        []Mirror
}

type Port struct {
	Name    string
	Devices []Device // none: one of the port's name
	IDs     map[string]string
	Tag     int // 0: none
}

type Device struct {
	Name, Type, MAC, Driver, Admin, Link, Error string
	OFPort                                      int
	IDs                                         map[string]string
}

type Mirror struct {
	Name string
	IDs  map[string]string
}

// guestPort is a port with the ids of a guest's NIC.
func GuestPort(name string, ofport int, ids map[string]string) Port {
	return Port{Name: name, Devices: []Device{{OFPort: ofport, Driver: "tun", MAC: "fe:54:00:00:00:01", IDs: ids}}}
}

func NICPort(name, driver string) Port {
	return Port{Name: name, Devices: []Device{{OFPort: 1, Driver: driver, MAC: "52:54:00:00:00:99"}}}
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
func Snapshot(t require.TestingT, ids map[string]string, bridges ...Bridge) *vswitch.Snapshot {
	r := rows{tables: map[string]map[string]any{}}
	var all [][]string
	for _, b := range bridges {
		own := Port{Name: b.Name, Devices: []Device{{Type: "internal", OFPort: 65534}}}
		var ports, mirrors [][]string
		for _, p := range append([]Port{own}, b.Ports...) {
			if p.Devices == nil {
				p.Devices = []Device{{OFPort: 1}}
			}
			var devices [][]string
			for _, d := range p.Devices {
				if d.Name == "" {
					d.Name = p.Name
				}
				columns := map[string]any{
					"name": d.Name, "type": d.Type, "mac_in_use": d.MAC, "admin_state": d.Admin, "link_state": d.Link, "error": d.Error,
					"external_ids": pairs(d.IDs), "status": pairs(map[string]string{"driver_name": d.Driver}),
				}
				if d.OFPort != 0 {
					columns["ofport"] = d.OFPort
				}
				devices = append(devices, r.add("Interface", columns))
			}
			columns := map[string]any{"name": p.Name, "interfaces": members(devices), "external_ids": pairs(p.IDs)}
			if p.Tag != 0 {
				columns["tag"] = p.Tag
			}
			ports = append(ports, r.add("Port", columns))
		}
		for _, m := range b.Mirrors {
			mirrors = append(mirrors, r.add("Mirror", map[string]any{"name": m.Name, "external_ids": pairs(m.IDs)}))
		}
		all = append(all, r.add("Bridge", map[string]any{
			"name": b.Name, "datapath_type": b.Datapath, "external_ids": pairs(b.IDs), "ports": members(ports), "mirrors": members(mirrors),
		}))
	}
	r.add("Open_vSwitch", map[string]any{"external_ids": pairs(ids), "bridges": members(all), "ovs_version": "3.1.0"})
	return r.apply(t)
}

// uninitialized is the snapshot of a database without a row, as before ovs-vsctl init.
func Uninitialized(t require.TestingT) *vswitch.Snapshot {
	return (&rows{tables: map[string]map[string]any{}}).apply(t)
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
