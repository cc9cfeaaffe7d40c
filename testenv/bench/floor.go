//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// floor is the least that any controller must do: a transaction and flow-mods written to the
// switches' sockets, with nothing before, between or after them.
type floor struct {
	*manual
	kind    floorKind
	db      net.Conn
	lines   *json.Decoder
	of1     *ofconn.Conn // OpenFlow of the source's switch
	of2     *ofconn.Conn // OpenFlow of the collector's switch
	deliver openflow.PortNo
	port    string // UUID of the guest's port
	stands  []string
	stamp   int
	applied int64 // cur_cfg
}

// floorKind says what a run writes.
type floorKind struct {
	title, note string
	// add one more port to a Mirror that exists; otherwise make the Mirror and its patch ports
	more bool
	// The run's flow-mods deliver the copies, as Tapline's do. Otherwise the delivering flows exist
	// already, and one flow-mod makes the switch revalidate its cache.
	flows bool
}

var floorKinds = []floorKind{
	{title: "its flows stand",
		note: "one transaction (patch pair, Mirror), its cur_cfg, one flow-mod"},
	{title: "a service's first flow",
		note: "as Tapline: one transaction (patch pair, Mirror), and then a flow-mod, another on " +
			"the other host before", flows: true},
	{title: "one more flow",
		note: "as Tapline: one transaction (select_src_port, select_dst_port, a tag)", more: true,
		flows: true},
}

// Port numbers on the tap bridges.
const (
	floorTap    = 100
	floorTunnel = 101
)

func (b *bench) floor(ctx context.Context) ([]contender, error) {
	var out []contender
	for _, kind := range floorKinds {
		m, err := newManual(ctx, "floor")
		if err != nil {
			return out, err
		}
		f := &floor{manual: m, kind: kind}
		out = append(out, f)
		if err := f.prepare(ctx); err != nil {
			return out, err
		}
	}

	return out, nil
}

// prepare sets up everything that does not change between runs, and lets the switch resolve its
// neighbour.
func (f *floor) prepare(ctx context.Context) (err error) {
	if err := f.addTunnels(); err != nil {
		return err
	}
	if err := f.connect(ctx); err != nil {
		return err
	}

	first := f.web
	if f.kind.more {
		first = f.scene.db
	}
	if f.port, err = f.h1.VSCtl("get", "port", first.IfName(), "_uuid"); err != nil {
		return err
	}

	if !f.kind.flows {
		if err := f.deliverFlow(ctx, openflow.FlowAdd); err != nil {
			return err
		}
		if err := f.sendFlow(ctx, openflow.FlowAdd); err != nil {
			return err
		}
	}

	if err := f.begin(ctx); err != nil {
		return err
	}

	for range 5 {
		err = errors.Join(err, f.frames(first, f.app, 10))
	}

	if !f.kind.more {
		return errors.Join(err, f.end(ctx))
	}

	f.port, err = f.h1.VSCtl("get", "port", f.web.IfName(), "_uuid")
	return err
}

// addTunnels adds the tunnel ports, and asks for the number of the collector's.
func (f *floor) addTunnels() error {
	for _, h := range f.Hosts {
		_, err := h.VSCtl("add-port", manualBridge, "gre", "--", "set", "interface", "gre",
			"type=gre",
			"options:remote_ip=flow", "options:key=flow",
			fmt.Sprintf("ofport_request=%d", floorTunnel))
		if err != nil {
			return err
		}
	}

	number, err := f.h2.VSCtl("get", "interface", manualNIC, "ofport")
	if err != nil {
		return err
	}
	if _, err := fmt.Sscan(number, &f.deliver); err != nil {
		return fmt.Errorf("number of port %s: %w", manualNIC, err)
	}
	return nil
}

// connect opens the database of the first switch, which tells when it has applied a change, and the
// OpenFlow connections to both.
func (f *floor) connect(ctx context.Context) (err error) {
	if f.db, err = net.Dial("unix", f.h1.OVSDBSocket()); err != nil {
		return err
	}

	f.lines = json.NewDecoder(f.db)
	if !f.kind.flows {
		const watch = `{"id":0,"method":"monitor","params":["Open_vSwitch","m",` +
			`{"Open_vSwitch":{"columns":["cur_cfg"]}}]}`
		if _, err := io.WriteString(f.db, watch); err != nil {
			return err
		}
		if _, err := f.answer(); err != nil {
			return err
		}
	}

	for _, end := range []struct {
		conn **ofconn.Conn
		host *lab.Host
	}{{&f.of1, f.h1}, {&f.of2, f.h2}} {
		if *end.conn, err = ofconn.Dial(ctx, "unix:"+end.host.RunDir+"/"+manualBridge+".mgmt", nil,
			ofconn.Options{}); err != nil {
			return err
		}
	}

	return nil
}

func (f *floor) name() string { return "floor: bytes on the switches' sockets, " + f.kind.title }
func (f *floor) note() string { return f.kind.note }

func (f *floor) on(ctx context.Context) error {
	if f.kind.more {
		return f.selects("insert")
	}
	return f.begin(ctx)
}

func (f *floor) off(ctx context.Context) error {
	if f.kind.more {
		return f.selects("delete")
	}
	return f.end(ctx)
}

func (f *floor) close() error {
	var err error
	if f.db != nil {
		err = f.db.Close()
	}

	for _, of := range []*ofconn.Conn{f.of1, f.of2} {
		if of != nil {
			err = errors.Join(err, of.Close())
		}
	}

	return errors.Join(err, f.manual.close())
}

// transact sends operations, and returns the results.
func (f *floor) transact(ops string) ([]result, error) {
	if _, err := io.WriteString(f.db, `{"id":1,"method":"transact","params":["Open_vSwitch",`+ops+
		`]}`); err != nil {
		return nil, err
	}

	text, err := f.answer()
	if err != nil {
		return nil, err
	}

	var results []result
	if err := json.Unmarshal(text, &results); err != nil {
		return nil, err
	}

	for _, r := range results {
		if r.Error != "" {
			return nil, fmt.Errorf("the transaction failed: %s: %s", r.Error, r.Details)
		}
	}

	return results, nil
}

// answer reads until the reply to a request arrives.
func (f *floor) answer() (json.RawMessage, error) {
	for {
		method, text, err := f.read()
		if err != nil || method == "" {
			return text, err
		}
	}
}

// read reads one message: a reply, or an update, from which it notes the applied configuration.
func (f *floor) read() (method string, text json.RawMessage, err error) {
	var m struct {
		Method         string
		Result, Params json.RawMessage
		Error          any
	}
	if err := f.lines.Decode(&m); err != nil {
		return "", nil, err
	}
	if m.Error != nil {
		return "", nil, fmt.Errorf("the database answers %v", m.Error)
	}

	var params [2]json.RawMessage
	var tables map[string]map[string]struct {
		New struct {
			Applied int64 `json:"cur_cfg"`
		} `json:"new"`
	}
	if m.Method == "update" && json.Unmarshal(m.Params, &params) == nil &&
		json.Unmarshal(params[1], &tables) == nil {
		for _, row := range tables["Open_vSwitch"] {
			f.applied = row.New.Applied
		}
	}

	return m.Method, m.Result, nil
}

// apply waits until the switch has applied a transaction, given its last result, and then makes the
// switch revalidate its cache.
func (f *floor) apply(ctx context.Context, results []result) error {
	wanted := results[len(results)-1].Rows[0].NextCfg
	for f.applied < wanted {
		if _, _, err := f.read(); err != nil {
			return err
		}
	}
	f.stamp++
	return f.flow(ctx, f.of1, openflow.FlowMod{Cookie: openflow.Cookie(f.stamp), Table: 9})
}

// result is the result of one operation of a transaction.
type result struct {
	UUID [2]string `json:"uuid"`
	Rows []struct {
		NextCfg int64 `json:"next_cfg"`
	} `json:"rows"`
	Error   string `json:"error"`
	Details string `json:"details"`
}

// selects adds the guest's port to the existing Mirror, or takes it out.
func (f *floor) selects(op string) error {
	f.stamp = f.stamp%4094 + 1
	_, err := f.transact(fmt.Sprintf(`{"op":"mutate","table":"Mirror","where":[["_uuid","==",`+
		`["uuid",%[1]q]]],"mutations":[`+
		`["select_src_port",%[2]q,["uuid",%[3]q]],["select_dst_port",%[2]q,["uuid",%[3]q]]]},`+
		`{"op":"update","table":"Port","where":[["name","==",%[4]q]],"row":{"tag":%[5]d}}`,
		f.stands[2], op, f.port, manualBridge, f.stamp))
	return err
}

// begin mirrors the guest: it makes the Mirror and whatever brings its copies to the collector.
func (f *floor) begin(ctx context.Context) error {
	if f.kind.flows {
		if err := f.deliverFlow(ctx, openflow.FlowAdd); err != nil {
			return err
		}
	}

	results, err := f.transact(fmt.Sprintf(
		`{"op":"insert","table":"Interface","row":{"name":"src","type":"patch","options":["map",`+
			`[["peer","tap"]]]},"uuid-name":"isrc"},`+
			`{"op":"insert","table":"Port","row":{"name":"src","vlan_mode":"trunk","trunks":4095,`+
			`"interfaces":["named-uuid","isrc"]},"uuid-name":"psrc"},`+
			`{"op":"insert","table":"Interface","row":{"name":"tap","type":"patch",`+
			`"options":["map",[["peer","src"]]],"ofport_request":%[4]d},"uuid-name":"itap"},`+
			`{"op":"insert","table":"Port","row":{"name":"tap","interfaces":["named-uuid",`+
			`"itap"]},"uuid-name":"ptap"},`+
			`{"op":"insert","table":"Mirror","row":{"name":"web","select_src_port":["uuid",`+
			`%[1]q],"select_dst_port":["uuid",%[1]q],"output_port":["named-uuid","psrc"]},`+
			`"uuid-name":"m"},`+
			`{"op":"mutate","table":"Bridge","where":[["name","==",%[2]q]],"mutations":[["ports",`+
			`"insert",["named-uuid","psrc"]],["mirrors","insert",["named-uuid","m"]]]},`+
			`{"op":"mutate","table":"Bridge","where":[["name","==",%[3]q]],"mutations":[["ports",`+
			`"insert",["named-uuid","ptap"]]]},`+countCfg,
		f.port, lab.WireBridge, manualBridge, floorTap))
	if err != nil {
		return err
	}

	f.stands = []string{results[1].UUID[1], results[3].UUID[1], results[4].UUID[1]}
	if f.kind.flows {
		return f.sendFlow(ctx, openflow.FlowAdd)
	}

	return f.apply(ctx, results)
}

// end removes what begin has made, the source of the copies first.
func (f *floor) end(ctx context.Context) error {
	if f.kind.flows {
		if err := f.sendFlow(ctx, openflow.FlowDelete); err != nil {
			return err
		}
	}

	results, err := f.transact(fmt.Sprintf(
		`{"op":"mutate","table":"Bridge","where":[["name","==",%q]],"mutations":[["ports",`+
			`"delete",["uuid",%q]],["mirrors","delete",["uuid",%q]]]},`+
			`{"op":"mutate","table":"Bridge","where":[["name","==",%q]],"mutations":[["ports",`+
			`"delete",["uuid",%q]]]},`+countCfg,
		lab.WireBridge, f.stands[0], f.stands[2], manualBridge, f.stands[1]))

	switch {
	case err != nil:
		return err
	case f.kind.flows:
		return f.deliverFlow(ctx, openflow.FlowDelete)
	}

	return f.apply(ctx, results)
}

// countCfg increments next_cfg, so that cur_cfg shows when the switch has applied a transaction.
const countCfg = `{"op":"mutate","table":"Open_vSwitch","where":[],"mutations":[["next_cfg","+=",` +
	`1]]},` +
	`{"op":"select","table":"Open_vSwitch","where":[],"columns":["next_cfg"]}`

// sendFlow adds or deletes the flow that sends copies into the tunnel on the source's host.
func (f *floor) sendFlow(ctx context.Context, command openflow.FlowModCommand) error {
	return f.flow(ctx, f.of1, openflow.FlowMod{
		Command: command, Match: oxm.Match{oxm.InPort(floorTap)},
		Instructions: []action.Instruction{action.ApplyActions{
			action.SetField{Field: oxm.TunnelID(manualKey)},
			action.SetField{Field: oxm.TunDst(f.h2.TunnelIP)},
			action.Output{Port: floorTunnel},
		}},
	})
}

// deliverFlow adds or deletes the flow that delivers copies on the collector's host.
func (f *floor) deliverFlow(ctx context.Context, command openflow.FlowModCommand) error {
	return f.flow(ctx, f.of2, openflow.FlowMod{
		Command: command,
		Match:   oxm.Match{oxm.InPort(floorTunnel), oxm.TunnelID(manualKey)},
		Instructions: []action.Instruction{
			action.ApplyActions{action.Output{Port: f.deliver}},
		},
	})
}

func (f *floor) flow(ctx context.Context, of *ofconn.Conn, mod openflow.FlowMod) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return of.Send(ctx, &mod)
}
