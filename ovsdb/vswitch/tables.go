package vswitch

import (
	"sync"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// The columns of each table, the one that names a row first.

func openVSwitchColumns() []column[OpenVSwitch] {
	type T = OpenVSwitch
	return []column[T]{
		col("next_cfg", func(r *T) *int64 { return &r.NextCfg }, number(), status),
		col("cur_cfg", func(r *T) *int64 { return &r.CurCfg }, number(), status),
		col("bridges", func(r *T) *[]UUID { return &r.Bridges }, uuids(), reference),
		col("manager_options", func(r *T) *[]UUID { return &r.ManagerOptions }, uuids(), reference),
		col("ssl", func(r *T) **UUID { return &r.SSL }, ptrUUID(), reference),
		mapCol("external_ids", func(r *T) *map[string]string { return &r.ExternalIDs }, config),
		mapCol("other_config", func(r *T) *map[string]string { return &r.OtherConfig }, config),
		col("ovs_version", func(r *T) *string { return &r.OVSVersion }, optText(), status),
	}
}

func bridgeColumns() []column[Bridge] {
	type T = Bridge
	return []column[T]{
		col("name", func(r *T) *string { return &r.Name }, text(), config),
		col("ports", func(r *T) *[]UUID { return &r.Ports }, uuids(), reference),
		col("mirrors", func(r *T) *[]UUID { return &r.Mirrors }, uuids(), reference),
		col("controller", func(r *T) *[]UUID { return &r.Controllers }, uuids(), reference),
		col("datapath_type", func(r *T) *string { return &r.DatapathType }, text(), config),
		col("datapath_id", func(r *T) *string { return &r.DatapathID }, optText(), status),
		col("fail_mode", func(r *T) *string { return &r.FailMode }, optText(), config),
		col("protocols", func(r *T) *[]string { return &r.Protocols }, texts(), config),
		col("flood_vlans", func(r *T) *[]int { return &r.FloodVLANs }, ints(), config),
		col("flow_tables", func(r *T) *map[int]UUID { return &r.FlowTables }, uuidsByNumber(), config),
		mapCol("external_ids", func(r *T) *map[string]string { return &r.ExternalIDs }, config),
		mapCol("other_config", func(r *T) *map[string]string { return &r.OtherConfig }, config),
		col("stp_enable", func(r *T) *bool { return &r.STPEnable }, flag(), config),
		col("rstp_enable", func(r *T) *bool { return &r.RSTPEnable }, flag(), config),
		col("mcast_snooping_enable", func(r *T) *bool { return &r.McastSnoopingEnable }, flag(), config),
	}
}

func portColumns() []column[Port] {
	type T = Port
	return []column[T]{
		col("name", func(r *T) *string { return &r.Name }, text(), config),
		col("interfaces", func(r *T) *[]UUID { return &r.Interfaces }, uuids(), reference),
		col("tag", func(r *T) **int { return &r.Tag }, ptrInt(), config),
		col("trunks", func(r *T) *[]int { return &r.Trunks }, ints(), config),
		col("cvlans", func(r *T) *[]int { return &r.CVLANs }, ints(), config),
		col("vlan_mode", func(r *T) *string { return &r.VLANMode }, optText(), config),
		col("mac", func(r *T) *string { return &r.MAC }, optText(), config),
		col("bond_mode", func(r *T) *string { return &r.BondMode }, optText(), config),
		col("bond_fake_iface", func(r *T) *bool { return &r.BondFakeIface }, flag(), config),
		col("fake_bridge", func(r *T) *bool { return &r.FakeBridge }, flag(), config),
		col("lacp", func(r *T) *string { return &r.LACP }, optText(), config),
		col("protected", func(r *T) *bool { return &r.Protected }, flag(), config),
		col("bond_updelay", func(r *T) *int { return &r.BondUpDelay }, count(), config),
		col("bond_downdelay", func(r *T) *int { return &r.BondDownDelay }, count(), config),
		col("qos", func(r *T) **UUID { return &r.QoS }, ptrUUID(), config),
		mapCol("external_ids", func(r *T) *map[string]string { return &r.ExternalIDs }, config),
		mapCol("other_config", func(r *T) *map[string]string { return &r.OtherConfig }, config),
	}
}

func interfaceColumns() []column[Interface] {
	type T = Interface
	return []column[T]{
		col("name", func(r *T) *string { return &r.Name }, text(), config),
		col("type", func(r *T) *string { return &r.Type }, text(), config),
		mapCol("options", func(r *T) *map[string]string { return &r.Options }, config),
		col("ofport", func(r *T) *int { return &r.OFPort }, optInt[int](), status),
		col("ofport_request", func(r *T) *int { return &r.OFPortRequest }, optInt[int](), config),
		col("mac", func(r *T) *string { return &r.MAC }, optText(), config),
		col("mac_in_use", func(r *T) *string { return &r.MACInUse }, optText(), status),
		col("mtu_request", func(r *T) *int { return &r.MTURequest }, optInt[int](), config),
		col("admin_state", func(r *T) *string { return &r.AdminState }, optText(), status),
		col("link_state", func(r *T) *string { return &r.LinkState }, optText(), status),
		col("error", func(r *T) *string { return &r.Error }, optText(), status),
		mapCol("external_ids", func(r *T) *map[string]string { return &r.ExternalIDs }, config),
		mapCol("other_config", func(r *T) *map[string]string { return &r.OtherConfig }, config),
		mapCol("status", func(r *T) *map[string]string { return &r.Status }, status),
		mapCol("bfd", func(r *T) *map[string]string { return &r.BFD }, config),
		mapCol("lldp", func(r *T) *map[string]string { return &r.LLDP }, config),
		col("cfm_mpid", func(r *T) **int { return &r.CFMMPID }, ptrInt(), config),
		col("ingress_policing_rate", func(r *T) *int64 { return &r.IngressPolicing }, number(), config),
		col("ingress_policing_kpkts_rate", func(r *T) *int64 { return &r.IngressPolicingPkts }, number(), config),
		col("ingress_policing_burst", func(r *T) *int64 { return &r.IngressPolicingBurst }, number(), config),
		col("ingress_policing_kpkts_burst", func(r *T) *int64 { return &r.IngressPolicingPktsBurst }, number(), config),
	}
}

func mirrorColumns() []column[Mirror] {
	type T = Mirror
	return []column[T]{
		col("name", func(r *T) *string { return &r.Name }, text(), config),
		col("select_all", func(r *T) *bool { return &r.SelectAll }, flag(), config),
		refsCol("select_src_port", func(r *T) *[]UUID { return &r.SelectSrcPort }),
		refsCol("select_dst_port", func(r *T) *[]UUID { return &r.SelectDstPort }),
		col("select_vlan", func(r *T) *[]int { return &r.SelectVLAN }, ints(), config),
		col("output_port", func(r *T) **UUID { return &r.OutputPort }, ptrUUID(), config),
		col("output_vlan", func(r *T) **int { return &r.OutputVLAN }, ptrInt(), config),
		col("snaplen", func(r *T) *int { return &r.Snaplen }, optInt[int](), config),
		col("filter", func(r *T) *string { return &r.Filter }, optText(), config),
		col("statistics", func(r *T) *map[string]int64 { return &r.Statistics }, intMap(), status),
		mapCol("external_ids", func(r *T) *map[string]string { return &r.ExternalIDs }, config),
	}
}

func controllerColumns() []column[Controller] {
	type T = Controller
	return []column[T]{
		col("target", func(r *T) *string { return &r.Target }, text(), config),
		col("type", func(r *T) *string { return &r.Type }, optText(), config),
		col("connection_mode", func(r *T) *string { return &r.ConnectionMode }, optText(), config),
		col("inactivity_probe", func(r *T) **int { return &r.InactivityProbe }, ptrInt(), config),
		col("max_backoff", func(r *T) *int { return &r.MaxBackoff }, optInt[int](), config),
		col("controller_rate_limit", func(r *T) *int { return &r.RateLimit }, optInt[int](), config),
		col("controller_burst_limit", func(r *T) *int { return &r.BurstLimit }, optInt[int](), config),
		col("controller_queue_size", func(r *T) *int { return &r.QueueSize }, optInt[int](), config),
		col("enable_async_messages", func(r *T) **bool { return &r.AsyncMessages }, ptrBool(), config),
		col("local_ip", func(r *T) *string { return &r.LocalIP }, optText(), config),
		col("local_netmask", func(r *T) *string { return &r.LocalNetmask }, optText(), config),
		col("local_gateway", func(r *T) *string { return &r.LocalGateway }, optText(), config),
		col("is_connected", func(r *T) *bool { return &r.IsConnected }, flag(), status),
		col("role", func(r *T) *string { return &r.Role }, optText(), status),
		mapCol("status", func(r *T) *map[string]string { return &r.Status }, status),
		mapCol("external_ids", func(r *T) *map[string]string { return &r.ExternalIDs }, config),
		mapCol("other_config", func(r *T) *map[string]string { return &r.OtherConfig }, config),
	}
}

func managerColumns() []column[Manager] {
	type T = Manager
	return []column[T]{
		col("target", func(r *T) *string { return &r.Target }, text(), config),
		col("connection_mode", func(r *T) *string { return &r.ConnectionMode }, optText(), config),
		col("inactivity_probe", func(r *T) **int { return &r.InactivityProbe }, ptrInt(), config),
		col("max_backoff", func(r *T) *int { return &r.MaxBackoff }, optInt[int](), config),
		col("is_connected", func(r *T) *bool { return &r.IsConnected }, flag(), status),
		mapCol("status", func(r *T) *map[string]string { return &r.Status }, status),
		mapCol("external_ids", func(r *T) *map[string]string { return &r.ExternalIDs }, config),
		mapCol("other_config", func(r *T) *map[string]string { return &r.OtherConfig }, config),
	}
}

// model is every table bound to the schema of one server.
type model struct {
	systems     *table[OpenVSwitch]
	bridges     *table[Bridge]
	ports       *table[Port]
	interfaces  *table[Interface]
	mirrors     *table[Mirror]
	controllers *table[Controller]
	managers    *table[Manager]
}

// Models keeps what was worked out of schemas, for watchers of many switches of few versions; see also [client.Schemas], without which
// no two connections have the same schema. Its methods may be called at the same time. The zero value is ready for use; nil keeps
// nothing.
type Models struct {
	mu    sync.Mutex
	known map[*ovsdb.DatabaseSchema]*model
}

// maxModels bounds what servers that make schemas up can fill.
const maxModels = 64

func (m *Models) of(db *ovsdb.DatabaseSchema) (*model, error) {
	if m == nil {
		return newModel(db)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.known[db]; known != nil {
		return known, nil
	}
	made, err := newModel(db)
	if err != nil {
		return nil, err
	}
	if m.known == nil || len(m.known) >= maxModels {
		m.known = map[*ovsdb.DatabaseSchema]*model{}
	}
	m.known[db] = made
	return made, nil
}

func newModel(db *ovsdb.DatabaseSchema) (*model, error) {
	m := &model{}
	errs := [...]error{
		bindTo(&m.systems, db, TableOpenVSwitch, func(r *OpenVSwitch) *UUID { return &r.UUID }, openVSwitchColumns()),
		bindTo(&m.bridges, db, TableBridge, func(r *Bridge) *UUID { return &r.UUID }, bridgeColumns()),
		bindTo(&m.ports, db, TablePort, func(r *Port) *UUID { return &r.UUID }, portColumns()),
		bindTo(&m.interfaces, db, TableInterface, func(r *Interface) *UUID { return &r.UUID }, interfaceColumns()),
		bindTo(&m.mirrors, db, TableMirror, func(r *Mirror) *UUID { return &r.UUID }, mirrorColumns()),
		bindTo(&m.controllers, db, TableController, func(r *Controller) *UUID { return &r.UUID }, controllerColumns()),
		bindTo(&m.managers, db, TableManager, func(r *Manager) *UUID { return &r.UUID }, managerColumns()),
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

// has tells whether the schema has a column.
func (m *model) has(t Table, column string) bool {
	switch t {
	case TableOpenVSwitch:
		return m.systems.bound[column] != nil
	case TableBridge:
		return m.bridges.bound[column] != nil
	case TablePort:
		return m.ports.bound[column] != nil
	case TableInterface:
		return m.interfaces.bound[column] != nil
	case TableMirror:
		return m.mirrors.bound[column] != nil
	case TableController:
		return m.controllers.bound[column] != nil
	case TableManager:
		return m.managers.bound[column] != nil
	}
	return false
}

func bindTo[T Row](to **table[T], db *ovsdb.DatabaseSchema, name Table, id func(*T) *UUID, columns []column[T]) (err error) {
	*to, err = bind(db, name, id, columns)
	return err
}

// Request is the monitor request for everything that the row types hold.
// Tables and columns that a server does not have are to be pruned.
func Request() ovsdb.MonitorRequest {
	return ovsdb.MonitorRequest{
		string(TableOpenVSwitch): {Columns: names(openVSwitchColumns())},
		string(TableBridge):      {Columns: names(bridgeColumns())},
		string(TablePort):        {Columns: names(portColumns())},
		string(TableInterface):   {Columns: names(interfaceColumns())},
		string(TableMirror):      {Columns: names(mirrorColumns())},
		string(TableController):  {Columns: names(controllerColumns())},
		string(TableManager):     {Columns: names(managerColumns())},
	}
}

func names[T any](columns []column[T]) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}
