package switchtest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// MAC returns an address of a guest.
func MAC(n byte) tap.MAC { return tap.MAC{0x52, 0x54, 0, 0, 0, n} }

// Bridge is a row of table Bridge, and what is on the bridge. Its own port is not among Ports.
type Bridge struct {
	Name, Datapath string
	IDs            map[string]string // external_ids
	Ports          []Port
	Mirrors        []Mirror
}

// Port is a row of table Port.
type Port struct {
	Name    string
	Devices []Device // none: one of the port's name
	IDs     map[string]string
	Tag     int  // 0: none
	Fake    bool // it is a fake bridge
}

// Device is a row of table Interface.
type Device struct {
	Name, Type, MAC, Driver, Admin, Link, Error string

	OFPort  int
	MTU     int
	IDs     map[string]string
	Options map[string]string
	Egress  string // status:tunnel_egress_iface
}

// Mirror is a row of table Mirror.
type Mirror struct {
	Name string
	IDs  map[string]string
}

// GuestPort is a port of a guest's NIC, as libvirt makes them, with the NIC's ids.
func GuestPort(name string, ofport int, ids map[string]string) Port {
	return Port{Name: name, Devices: []Device{
		{OFPort: ofport, Driver: "tun", MAC: "fe:54:00:00:00:01", IDs: ids},
	}}
}

// NICPort is a port of a device of the system.
func NICPort(name, driver string) Port {
	return Port{Name: name, Devices: []Device{
		{OFPort: 1, Driver: driver, MAC: "52:54:00:00:00:99"},
	}}
}

// Snapshot returns the snapshot of a switch with these external_ids of table Open_vSwitch, and
// these bridges.
func Snapshot(
	t require.TestingT, ids map[string]string, bridges ...Bridge,
) *vswitch.Snapshot {
	r := rows{tables: map[string]map[string]any{}}
	var all [][]string
	for i := range bridges {
		all = append(all, r.addBridge(&bridges[i]))
	}

	r.add("Open_vSwitch", map[string]any{
		"external_ids": pairs(ids), "bridges": members(all), "ovs_version": "3.1.0",
	})

	return r.apply(t)
}

// Retag returns the snapshot after a port's tag was changed.
func Retag(
	t require.TestingT, snap *vswitch.Snapshot, bridge, port string, tag int,
) *vswitch.Snapshot {
	row, exists := snap.PortOnBridge(bridge, port)
	require.True(t, exists)
	return update(t, snap, map[string]any{"Port": map[string]any{
		row.UUID.String(): map[string]any{"modify": map[string]any{"tag": tag}},
	}})
}

// Uninitialized returns the snapshot of a database without a row, as before ovs-vsctl init.
func Uninitialized(t require.TestingT) *vswitch.Snapshot {
	return (&rows{tables: map[string]map[string]any{}}).apply(t)
}

// rows collects rows of a snapshot in the JSON form of updates.
type rows struct {
	n      int
	tables map[string]map[string]any
}

// add adds a row and returns a reference to it. Columns with an empty text are left out.
func (r *rows) add(table string, columns map[string]any) []string {
	r.n++
	id := fmt.Sprintf("%08x-0000-4000-8000-000000000000", r.n)
	for name, v := range columns {
		if text, is := v.(string); is && text == "" {
			delete(columns, name)
		}
	}

	if r.tables[table] == nil {
		r.tables[table] = map[string]any{}
	}

	r.tables[table][id] = map[string]any{"initial": columns}
	return []string{"uuid", id}
}

func (r *rows) addBridge(b *Bridge) []string {
	own := Port{Name: b.Name, Devices: []Device{{Type: "internal", OFPort: 65534}}}
	ports := [][]string{r.addPort(&own)}
	for i := range b.Ports {
		ports = append(ports, r.addPort(&b.Ports[i]))
	}

	var mirrors [][]string
	for _, m := range b.Mirrors {
		mirrors = append(mirrors, r.add("Mirror", map[string]any{
			"name": m.Name, "external_ids": pairs(m.IDs),
		}))
	}

	return r.add("Bridge", map[string]any{
		"name": b.Name, "datapath_type": b.Datapath, "external_ids": pairs(b.IDs),
		"ports": members(ports), "mirrors": members(mirrors),
	})
}

func (r *rows) addPort(p *Port) []string {
	devices := p.Devices
	if devices == nil {
		devices = []Device{{OFPort: 1}}
	}

	var interfaces [][]string
	for _, d := range devices {
		if d.Name == "" {
			d.Name = p.Name
		}
		interfaces = append(interfaces, r.addDevice(&d))
	}

	columns := map[string]any{
		"name": p.Name, "interfaces": members(interfaces), "external_ids": pairs(p.IDs),
		"fake_bridge": p.Fake,
	}

	if p.Tag != 0 {
		columns["tag"] = p.Tag
	}

	return r.add("Port", columns)
}

func (r *rows) addDevice(d *Device) []string {
	status := map[string]string{"driver_name": d.Driver}
	if d.Egress != "" {
		status["tunnel_egress_iface"] = d.Egress
	}

	columns := map[string]any{
		"name": d.Name, "type": d.Type, "mac_in_use": d.MAC,
		"admin_state": d.Admin, "link_state": d.Link, "error": d.Error,
		"external_ids": pairs(d.IDs), "options": pairs(d.Options), "status": pairs(status),
	}

	if d.OFPort != 0 {
		columns["ofport"] = d.OFPort
	}
	if d.MTU != 0 {
		columns["mtu"] = d.MTU
	}

	return r.add("Interface", columns)
}

// apply makes a snapshot of the rows.
func (r *rows) apply(t require.TestingT) *vswitch.Snapshot {
	empty, err := vswitch.NewSnapshot(schema(t))
	require.NoError(t, err)
	return update(t, empty, r.tables)
}

// update returns the snapshot after updates of tables in their JSON form.
func update(t require.TestingT, snap *vswitch.Snapshot, tables any) *vswitch.Snapshot {
	text, err := json.Marshal(tables)
	require.NoError(t, err)
	updates, err := ovsdb.ParseTableUpdates2(text, schema(t))
	require.NoError(t, err)
	next, _, err := snap.Apply(updates)
	require.NoError(t, err)
	return next
}

func schema(t require.TestingT) *ovsdb.DatabaseSchema {
	const file = "ovsdb/vswitch/testdata/vswitch.ovsschema.json"
	top := ".." // of the module; tests run in their package's folder
	for range 8 {
		if _, err := os.Stat(filepath.Join(top, "go.mod")); err == nil {
			break
		}
		top = filepath.Join(top, "..")
	}
	text, err := os.ReadFile(filepath.Join(top, file))
	require.NoError(t, err)
	schema, err := ovsdb.ParseSchema(text)
	require.NoError(t, err)
	return schema
}

// pairs is a map column.
func pairs(m map[string]string) []any {
	list := [][]string{}
	for k, v := range m {
		list = append(list, []string{k, v})
	}
	return []any{"map", list}
}

// members is a column of references.
func members(ids [][]string) []any {
	if ids == nil {
		ids = [][]string{}
	}
	return []any{"set", ids}
}

// WithCapabilities returns the snapshot after the switch has told what its datapath of a type can
// do.
func WithCapabilities(
	t require.TestingT, snap *vswitch.Snapshot, kind string, capabilities map[string]string,
) *vswitch.Snapshot {
	const id = "da7a0000-0000-4000-8000-000000000000"
	return update(t, snap, map[string]any{
		"Datapath": map[string]any{id: map[string]any{"insert": map[string]any{
			"capabilities": pairs(capabilities)}}},
		"Open_vSwitch": map[string]any{snap.System().UUID.String(): map[string]any{
			"modify": map[string]any{
				"datapaths": []any{"map", [][]any{{kind, []string{"uuid", id}}}}}}},
	})
}
