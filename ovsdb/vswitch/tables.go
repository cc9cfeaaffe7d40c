package vswitch

import (
	"sync"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// The columns of each table. The first one names the rows.

var openVSwitchColumns = []column[OpenVSwitch]{
	col("next_cfg", func(r *OpenVSwitch) *int64 { return &r.NextCfg }, number(), status),
	col("cur_cfg", func(r *OpenVSwitch) *int64 { return &r.CurCfg }, number(), status),
	col("bridges", func(r *OpenVSwitch) *[]UUID { return &r.Bridges }, uuids(), reference),
	col("manager_options", func(r *OpenVSwitch) *[]UUID { return &r.ManagerOptions }, uuids(),
		reference),
	col("ssl", func(r *OpenVSwitch) **UUID { return &r.SSL }, ptrUUID(), reference),
	mapCol("external_ids", func(r *OpenVSwitch) *Pairs { return &r.ExternalIDs }, config),
	mapCol("other_config", func(r *OpenVSwitch) *Pairs { return &r.OtherConfig }, config),
	col("ovs_version", func(r *OpenVSwitch) *string { return &r.OVSVersion }, optText(), status),
	col("datapaths", func(r *OpenVSwitch) *map[string]UUID { return &r.Datapaths },
		uuidsByName(), reference),
}

var datapathColumns = []column[Datapath]{
	col("datapath_version", func(r *Datapath) *string { return &r.Version }, text(), config),
	mapCol("capabilities", func(r *Datapath) *Pairs { return &r.Capabilities }, status),
	mapCol("external_ids", func(r *Datapath) *Pairs { return &r.ExternalIDs }, config),
}

var bridgeColumns = []column[Bridge]{
	col("name", func(r *Bridge) *string { return &r.Name }, text(), config),
	col("ports", func(r *Bridge) *[]UUID { return &r.Ports }, uuids(), reference),
	col("mirrors", func(r *Bridge) *[]UUID { return &r.Mirrors }, uuids(), reference),
	col("controller", func(r *Bridge) *[]UUID { return &r.Controllers }, uuids(), reference),
	col("datapath_type", func(r *Bridge) *string { return &r.DatapathType }, text(), config),
	col("datapath_id", func(r *Bridge) *string { return &r.DatapathID }, optText(), status),
	col("fail_mode", func(r *Bridge) *string { return &r.FailMode }, optText(), config),
	col("protocols", func(r *Bridge) *[]string { return &r.Protocols }, texts(), config),
	col("flood_vlans", func(r *Bridge) *[]int { return &r.FloodVLANs }, ints(), config),
	col("flow_tables", func(r *Bridge) *map[int]UUID { return &r.FlowTables }, uuidsByNumber(),
		config),
	mapCol("external_ids", func(r *Bridge) *Pairs { return &r.ExternalIDs }, config),
	mapCol("other_config", func(r *Bridge) *Pairs { return &r.OtherConfig }, config),
	col("stp_enable", func(r *Bridge) *bool { return &r.STPEnable }, flag(), config),
	col("rstp_enable", func(r *Bridge) *bool { return &r.RSTPEnable }, flag(), config),
	col("mcast_snooping_enable", func(r *Bridge) *bool { return &r.McastSnoopingEnable }, flag(),
		config),
}

var portColumns = []column[Port]{
	col("name", func(r *Port) *string { return &r.Name }, text(), config),
	col("interfaces", func(r *Port) *[]UUID { return &r.Interfaces }, uuids(), reference),
	col("tag", func(r *Port) **int { return &r.Tag }, ptrInt(), config),
	col("trunks", func(r *Port) *[]int { return &r.Trunks }, ints(), config),
	col("cvlans", func(r *Port) *[]int { return &r.CVLANs }, ints(), config),
	col("vlan_mode", func(r *Port) *string { return &r.VLANMode }, optText(), config),
	col("mac", func(r *Port) *string { return &r.MAC }, optText(), config),
	col("bond_mode", func(r *Port) *string { return &r.BondMode }, optText(), config),
	col("bond_fake_iface", func(r *Port) *bool { return &r.BondFakeIface }, flag(), config),
	col("fake_bridge", func(r *Port) *bool { return &r.FakeBridge }, flag(), config),
	col("lacp", func(r *Port) *string { return &r.LACP }, optText(), config),
	col("protected", func(r *Port) *bool { return &r.Protected }, flag(), config),
	col("bond_updelay", func(r *Port) *int { return &r.BondUpDelay }, count(), config),
	col("bond_downdelay", func(r *Port) *int { return &r.BondDownDelay }, count(), config),
	col("qos", func(r *Port) **UUID { return &r.QoS }, ptrUUID(), config),
	mapCol("external_ids", func(r *Port) *Pairs { return &r.ExternalIDs }, config),
	mapCol("other_config", func(r *Port) *Pairs { return &r.OtherConfig }, config),
}

var interfaceColumns = []column[Interface]{
	col("name", func(r *Interface) *string { return &r.Name }, text(), config),
	col("type", func(r *Interface) *string { return &r.Type }, text(), config),
	mapCol("options", func(r *Interface) *Pairs { return &r.Options }, config),
	col("ofport", func(r *Interface) *int { return &r.OFPort }, optInt[int](), status),
	col("ofport_request", func(r *Interface) *int { return &r.OFPortRequest }, optInt[int](),
		config),
	col("mac", func(r *Interface) *string { return &r.MAC }, optText(), config),
	col("mac_in_use", func(r *Interface) *string { return &r.MACInUse }, optText(), status),
	col("mtu", func(r *Interface) *int { return &r.MTU }, optInt[int](), status),
	col("mtu_request", func(r *Interface) *int { return &r.MTURequest }, optInt[int](), config),
	col("admin_state", func(r *Interface) *string { return &r.AdminState }, optText(), status),
	col("link_state", func(r *Interface) *string { return &r.LinkState }, optText(), status),
	col("error", func(r *Interface) *string { return &r.Error }, optText(), status),
	mapCol("external_ids", func(r *Interface) *Pairs { return &r.ExternalIDs }, config),
	mapCol("other_config", func(r *Interface) *Pairs { return &r.OtherConfig }, config),
	mapCol("status", func(r *Interface) *Pairs { return &r.Status }, status),
	mapCol("bfd", func(r *Interface) *Pairs { return &r.BFD }, config),
	mapCol("lldp", func(r *Interface) *Pairs { return &r.LLDP }, config),
	col("cfm_mpid", func(r *Interface) **int { return &r.CFMMPID }, ptrInt(), config),
	col("ingress_policing_rate", func(r *Interface) *int64 { return &r.IngressPolicing }, number(),
		config),
	col("ingress_policing_kpkts_rate", func(r *Interface) *int64 { return &r.IngressPolicingPkts },
		number(), config),
	col("ingress_policing_burst", func(r *Interface) *int64 { return &r.IngressPolicingBurst },
		number(), config),
	col("ingress_policing_kpkts_burst",
		func(r *Interface) *int64 { return &r.IngressPolicingPktsBurst }, number(), config),
}

var mirrorColumns = []column[Mirror]{
	col("name", func(r *Mirror) *string { return &r.Name }, text(), config),
	col("select_all", func(r *Mirror) *bool { return &r.SelectAll }, flag(), config),
	refsCol("select_src_port", func(r *Mirror) *[]UUID { return &r.SelectSrcPort }),
	refsCol("select_dst_port", func(r *Mirror) *[]UUID { return &r.SelectDstPort }),
	col("select_vlan", func(r *Mirror) *[]int { return &r.SelectVLAN }, ints(), config),
	col("output_port", func(r *Mirror) **UUID { return &r.OutputPort }, ptrUUID(), config),
	col("output_vlan", func(r *Mirror) **int { return &r.OutputVLAN }, ptrInt(), config),
	col("snaplen", func(r *Mirror) *int { return &r.Snaplen }, optInt[int](), config),
	col("filter", func(r *Mirror) *string { return &r.Filter }, optText(), config),
	col("statistics", func(r *Mirror) *map[string]int64 { return &r.Statistics }, intMap(), status),
	mapCol("external_ids", func(r *Mirror) *Pairs { return &r.ExternalIDs }, config),
}

var controllerColumns = []column[Controller]{
	col("target", func(r *Controller) *string { return &r.Target }, text(), config),
	col("type", func(r *Controller) *string { return &r.Type }, optText(), config),
	col("connection_mode", func(r *Controller) *string { return &r.ConnectionMode }, optText(),
		config),
	col("inactivity_probe", func(r *Controller) **int { return &r.InactivityProbe }, ptrInt(),
		config),
	col("max_backoff", func(r *Controller) *int { return &r.MaxBackoff }, optInt[int](), config),
	col("controller_rate_limit", func(r *Controller) *int { return &r.RateLimit }, optInt[int](),
		config),
	col("controller_burst_limit", func(r *Controller) *int { return &r.BurstLimit }, optInt[int](),
		config),
	col("controller_queue_size", func(r *Controller) *int { return &r.QueueSize }, optInt[int](),
		config),
	col("enable_async_messages", func(r *Controller) **bool { return &r.AsyncMessages }, ptrBool(),
		config),
	col("local_ip", func(r *Controller) *string { return &r.LocalIP }, optText(), config),
	col("local_netmask", func(r *Controller) *string { return &r.LocalNetmask }, optText(), config),
	col("local_gateway", func(r *Controller) *string { return &r.LocalGateway }, optText(), config),
	col("is_connected", func(r *Controller) *bool { return &r.IsConnected }, flag(), status),
	col("role", func(r *Controller) *string { return &r.Role }, optText(), status),
	mapCol("status", func(r *Controller) *Pairs { return &r.Status }, status),
	mapCol("external_ids", func(r *Controller) *Pairs { return &r.ExternalIDs }, config),
	mapCol("other_config", func(r *Controller) *Pairs { return &r.OtherConfig }, config),
}

var managerColumns = []column[Manager]{
	col("target", func(r *Manager) *string { return &r.Target }, text(), config),
	col("connection_mode", func(r *Manager) *string { return &r.ConnectionMode }, optText(),
		config),
	col("inactivity_probe", func(r *Manager) **int { return &r.InactivityProbe }, ptrInt(), config),
	col("max_backoff", func(r *Manager) *int { return &r.MaxBackoff }, optInt[int](), config),
	col("is_connected", func(r *Manager) *bool { return &r.IsConnected }, flag(), status),
	mapCol("status", func(r *Manager) *Pairs { return &r.Status }, status),
	mapCol("external_ids", func(r *Manager) *Pairs { return &r.ExternalIDs }, config),
	mapCol("other_config", func(r *Manager) *Pairs { return &r.OtherConfig }, config),
}

// model is every table bound to the schema of one server.
type model struct {
	systems     *table[OpenVSwitch]
	datapaths   *table[Datapath] // without columns where the schema has no such table
	bridges     *table[Bridge]
	ports       *table[Port]
	interfaces  *table[Interface]
	mirrors     *table[Mirror]
	controllers *table[Controller]
	managers    *table[Manager]
}

// Models caches the bindings of the row types to schemas, for watchers of many switches of few
// versions. Use it with [client.Schemas]: without that, no two connections share a schema. Methods
// may be called concurrently. The zero value is ready for use; a nil *Models caches nothing.
type Models struct {
	mu    sync.Mutex
	known map[*ovsdb.DatabaseSchema]*model
}

// maxModels bounds the cache, for servers that make schemas up.
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
		bindTo(&m.systems, db, TableOpenVSwitch, func(r *OpenVSwitch) *UUID { return &r.UUID },
			openVSwitchColumns),
		bindOptional(&m.datapaths, db, TableDatapath, func(r *Datapath) *UUID { return &r.UUID },
			datapathColumns),
		bindTo(&m.bridges, db, TableBridge, func(r *Bridge) *UUID { return &r.UUID },
			bridgeColumns),
		bindTo(&m.ports, db, TablePort, func(r *Port) *UUID { return &r.UUID }, portColumns),
		bindTo(&m.interfaces, db, TableInterface, func(r *Interface) *UUID { return &r.UUID },
			interfaceColumns),
		bindTo(&m.mirrors, db, TableMirror, func(r *Mirror) *UUID { return &r.UUID },
			mirrorColumns),
		bindTo(&m.controllers, db, TableController, func(r *Controller) *UUID { return &r.UUID },
			controllerColumns),
		bindTo(&m.managers, db, TableManager, func(r *Manager) *UUID { return &r.UUID },
			managerColumns),
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}

	return m, nil
}

// has reports whether the schema has a column.
func (m *model) has(t Table, column string) bool {
	switch t {
	case TableOpenVSwitch:
		return m.systems.bound[column] != nil
	case TableDatapath:
		return m.datapaths.bound[column] != nil
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

func bindTo[T Row](
	to **table[T], db *ovsdb.DatabaseSchema, name Table, id func(*T) *UUID, columns []column[T],
) (err error) {
	*to, err = bind(db, name, id, columns)
	return err
}

// bindOptional is bindTo for a table that came with a later version of Open vSwitch.
func bindOptional[T Row](
	to **table[T], db *ovsdb.DatabaseSchema, name Table, id func(*T) *UUID, columns []column[T],
) error {
	if db.Tables[string(name)] != nil {
		return bindTo(to, db, name, id, columns)
	}
	*to = &table[T]{name: name, version: db.Version, id: id, columns: columns}
	return nil
}

// Request is the monitor request for everything that the row types hold. Prune it to the tables and
// columns that a server has.
func Request() ovsdb.MonitorRequest {
	return ovsdb.MonitorRequest{
		string(TableOpenVSwitch): {Columns: names(openVSwitchColumns)},
		string(TableDatapath):    {Columns: names(datapathColumns)},
		string(TableBridge):      {Columns: names(bridgeColumns)},
		string(TablePort):        {Columns: names(portColumns)},
		string(TableInterface):   {Columns: names(interfaceColumns)},
		string(TableMirror):      {Columns: names(mirrorColumns)},
		string(TableController):  {Columns: names(controllerColumns)},
		string(TableManager):     {Columns: names(managerColumns)},
	}
}

func names[T any](columns []column[T]) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}
