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
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// floor is what no controller can undercut: the same transaction and the same flow-mod as Tapline's, as bytes on the source
// switch's sockets, with nothing else before, between and after. What delivers on the other host stands all the time.
type floor struct {
	*manual
	db      net.Conn
	lines   *json.Decoder
	of      *ofconn.Conn
	id      int
	port    string // uuid of the guest's
	mirror  string // uuid of what stands
	source  string // uuid of the output port
	tap     string
	applied int64 // cur_cfg
}

func (b *bench) floor(ctx context.Context) ([]contender, error) {
	m, err := newManual(ctx, "floor")
	if err != nil {
		return nil, err
	}
	f := &floor{manual: m}
	out := []contender{f}
	for _, h := range m.Hosts {
		_, err := h.VSCtl("add-port", manualBridge, "gre", "--", "set", "interface", "gre", "type=gre",
			"options:remote_ip=flow", "options:key=flow", "ofport_request=101")
		if err != nil {
			return out, err
		}
	}
	// Where packets come from before their flow stands: table 0 of the second host delivers, that of the first sends.
	if _, err := m.h2.OFCtl("add-flow", manualBridge, "in_port=101,tun_id="+manualKey+",actions=output:"+manualNIC); err != nil {
		return out, err
	}
	if _, err := m.h1.OFCtl("add-flow", manualBridge,
		"in_port=100,actions=set_field:"+manualKey+"->tun_id,set_field:"+m.h2.TunnelIP.String()+"->tun_dst,output:101"); err != nil {
		return out, err
	}
	if f.port, err = m.h1.VSCtl("get", "port", m.web.IfName(), "_uuid"); err != nil {
		return out, err
	}
	if f.db, err = net.Dial("unix", m.h1.OVSDBSocket()); err != nil {
		return out, err
	}
	f.lines = json.NewDecoder(f.db)
	if f.of, err = ofconn.Dial(ctx, "unix:"+m.h1.RunDir+"/"+manualBridge+".mgmt", nil, ofconn.Options{}); err != nil {
		return out, err
	}
	// The switch tells what it has applied.
	if _, err := io.WriteString(f.db, `{"id":0,"method":"monitor","params":["Open_vSwitch","m",{"Open_vSwitch":{"columns":["cur_cfg"]}}]}`); err != nil {
		return out, err
	}
	if err := f.await(0, 0); err != nil {
		return out, err
	}
	// And its neighbour is known.
	if err := f.on(ctx); err != nil {
		return out, err
	}
	for range 5 {
		err = errors.Join(err, m.frames(m.web, m.app, 10))
	}
	return out, errors.Join(err, f.off(ctx))
}

func (f *floor) name() string { return "floor: bytes on the switch's sockets" }
func (f *floor) note() string {
	return "one transaction (patch pair, Mirror), its cur_cfg, one flow-mod; the source host alone"
}

func (f *floor) close() error {
	var err error
	if f.db != nil {
		err = f.db.Close()
	}
	if f.of != nil {
		err = errors.Join(err, f.of.Close())
	}
	return errors.Join(err, f.manual.close())
}

// message is what the server sends: a reply, or an update of cur_cfg.
type message struct {
	ID     any             `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Params json.RawMessage `json:"params"`
	Error  any             `json:"error"`
}

// result is that of one operation.
type result struct {
	UUID [2]string `json:"uuid"`
	Rows []struct {
		NextCfg int64 `json:"next_cfg"`
	} `json:"rows"`
	Error   string `json:"error"`
	Details string `json:"details"`
}

// await reads until a request is answered and the switch has applied a number.
func (f *floor) await(id int, number int64) error { _, err := f.answers(id, number); return err }

func (f *floor) answers(id int, number int64) ([]result, error) {
	var results []result
	for answered := false; !answered || f.applied < number; {
		var m message
		if err := f.lines.Decode(&m); err != nil {
			return nil, err
		}
		if m.Error != nil {
			return nil, fmt.Errorf("the database answers %v", m.Error)
		}
		if m.Method == "update" {
			f.noteUpdate(m.Params)
			continue
		}
		answered = true
		if id == 0 {
			f.noteTables(m.Result)
			continue
		}
		if err := json.Unmarshal(m.Result, &results); err != nil {
			return nil, err
		}
		for _, r := range results {
			if r.Error != "" {
				return nil, fmt.Errorf("the transaction failed: %s: %s", r.Error, r.Details)
			}
			for _, row := range r.Rows {
				number = row.NextCfg
			}
		}
	}
	return results, nil
}

func (f *floor) noteUpdate(params json.RawMessage) {
	var both []json.RawMessage
	if json.Unmarshal(params, &both) == nil && len(both) == 2 {
		f.noteTables(both[1])
	}
}

func (f *floor) noteTables(text json.RawMessage) {
	var tables map[string]map[string]struct {
		New struct {
			CurCfg int64 `json:"cur_cfg"`
		} `json:"new"`
	}
	if json.Unmarshal(text, &tables) == nil {
		for _, row := range tables["Open_vSwitch"] {
			f.applied = row.New.CurCfg
		}
	}
}

// transact sends operations, waits until the switch has applied them, and makes it look at what it has cached.
func (f *floor) transact(ops string) ([]result, error) {
	f.id++
	text := fmt.Sprintf(`{"id":%d,"method":"transact","params":["Open_vSwitch",%s,`+
		`{"op":"mutate","table":"Open_vSwitch","where":[],"mutations":[["next_cfg","+=",1]]},`+
		`{"op":"select","table":"Open_vSwitch","where":[],"columns":["next_cfg"]}]}`, f.id, ops)
	if _, err := io.WriteString(f.db, text); err != nil {
		return nil, err
	}
	results, err := f.answers(f.id, 0)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return results, f.of.Send(ctx, &openflow.FlowMod{Cookie: openflow.Cookie(f.id), Instructions: nil})
}

func (f *floor) on(context.Context) error {
	results, err := f.transact(fmt.Sprintf(
		`{"op":"insert","table":"Interface","row":{"name":"src","type":"patch","options":["map",[["peer","tap"]]]},"uuid-name":"isrc"},`+
			`{"op":"insert","table":"Port","row":{"name":"src","vlan_mode":"trunk","trunks":4095,"interfaces":["named-uuid","isrc"]},"uuid-name":"psrc"},`+
			`{"op":"insert","table":"Interface","row":{"name":"tap","type":"patch","options":["map",[["peer","src"]]],"ofport_request":100},"uuid-name":"itap"},`+
			`{"op":"insert","table":"Port","row":{"name":"tap","interfaces":["named-uuid","itap"]},"uuid-name":"ptap"},`+
			`{"op":"insert","table":"Mirror","row":{"name":"web","select_src_port":["uuid",%[1]q],"select_dst_port":["uuid",%[1]q],"output_port":["named-uuid","psrc"]},"uuid-name":"m"},`+
			`{"op":"mutate","table":"Bridge","where":[["name","==",%[2]q]],"mutations":[["ports","insert",["named-uuid","psrc"]],["mirrors","insert",["named-uuid","m"]]]},`+
			`{"op":"mutate","table":"Bridge","where":[["name","==",%[3]q]],"mutations":[["ports","insert",["named-uuid","ptap"]]]}`,
		f.port, lab.WireBridge, manualBridge))
	if err != nil {
		return err
	}
	f.source, f.tap, f.mirror = results[1].UUID[1], results[3].UUID[1], results[4].UUID[1]
	return nil
}

func (f *floor) off(context.Context) error {
	_, err := f.transact(fmt.Sprintf(
		`{"op":"mutate","table":"Bridge","where":[["name","==",%q]],"mutations":[["ports","delete",["uuid",%q]],["mirrors","delete",["uuid",%q]]]},`+
			`{"op":"mutate","table":"Bridge","where":[["name","==",%q]],"mutations":[["ports","delete",["uuid",%q]]]}`,
		lab.WireBridge, f.source, f.mirror, manualBridge, f.tap))
	return err
}
