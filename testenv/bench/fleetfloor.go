//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/flowtable"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/ovsdb"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/testenv/dummy"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// bare is the least that any controller must do at a cold start, for one host: write the rows that
// Tapline would write, in one transaction; send the flows in one bundle when the switch has
// connected; wait until both are applied. Nothing is read before, compared or watched.
type bare struct {
	*dummy.Host
	number int             // also the datapath id of its tap bridge
	ports  []string        // UUIDs of the ports: the tap NIC, then the mirrored ones
	nic    openflow.PortNo // port number of the tap NIC
	conns  chan *ofconn.Conn
}

// bareTurns is how many hosts are brought up at once, as many as in Tapline.
const bareTurns = 64

// Port numbers on the tap bridge.
const barePatch, bareTunnel openflow.PortNo = 32000, 32001

// floor measures a cold start of the first n hosts, and then a warm one: the least that a
// controller must do that finds everything in place, which is to read the rows and the flows. It
// leaves the hosts as they were.
func (f *fleet) floor(ctx context.Context, n int) error {
	hosts := make([]*bare, n)
	for i := range hosts {
		hosts[i] = &bare{Host: f.Hosts[i], number: i + 1}
		if err := hosts[i].findPorts(f.guests, sinkName(i, 0)); err != nil {
			return err
		}
	}

	err := f.bareStart(ctx, hosts, "cold", "one transaction and one bundle a host", (*bare).bringUp)
	if err == nil {
		err = f.bareStart(ctx, hosts, "warm", "one monitor and one list of flows a host",
			(*bare).resume)
	}

	return errors.Join(err, f.plugGuests(context.WithoutCancel(ctx), 0, n))
}

// bareStart runs do for all hosts, bareTurns at a time, and reports how long that took.
func (f *fleet) bareStart(ctx context.Context, hosts []*bare, how, note string,
	do func(*bare, context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	self := []int{os.Getpid()}
	before, mine, begin := used(f.daemons), used(self), time.Now()
	ln, err := ofconn.Listen(ctx, fmt.Sprintf("ptcp:127.0.0.1:%d", fleetOpenFlow), nil)
	if err != nil {
		return err
	}

	for _, h := range hosts {
		h.conns = make(chan *ofconn.Conn, 1)
	}

	var serving sync.WaitGroup
	defer serving.Wait()
	defer stop()
	serving.Go(func() {
		// Serve returns when ctx ends.
		_ = ofconn.Serve(ctx, ln, ofconn.Options{}, func(ctx context.Context, c *ofconn.Conn) {
			if i := c.Features().DatapathID - 1; i < uint64(len(hosts)) {
				select {
				case hosts[i].conns <- c:
				case <-ctx.Done():
				}
			}
			select {
			case <-ctx.Done():
			case <-c.Done():
			}
		})
	})

	group, doing := errgroup.WithContext(ctx)
	group.SetLimit(bareTurns)
	for _, h := range hosts {
		group.Go(func() error {
			if err := do(h, doing); err != nil {
				return fmt.Errorf("%s: %w", h.Name, err)
			}
			return nil
		})
	}

	if err = group.Wait(); err == nil {
		f.b.table.add(fmt.Sprintf("floor of a %s start, %d hosts", how, len(hosts)),
			fmt.Sprintf("%.2f s", time.Since(begin).Seconds()),
			fmt.Sprintf("processor time: %.2f s this program's, %.2f s the switches'; %s",
				used(self).since(mine).cpu.Seconds(), used(f.daemons).since(before).cpu.Seconds(),
				note))
	}

	return err
}

// bringUp brings one host up and waits until the switch has applied everything.
func (h *bare) bringUp(ctx context.Context) error {
	return h.exchange(ctx, h.rows(), func(conn *ofconn.Conn) error {
		return flowtable.Apply(ctx, conn, h.flows())
	}, awaitApplied)
}

// resume reads the rows and flows of a host that already has everything.
func (h *bare) resume(ctx context.Context) error {
	return h.exchange(ctx, everyRow(), func(conn *ofconn.Conn) error {
		_, err := flowtable.Dump(ctx, conn)
		return err
	}, func(db net.Conn) error { return json.NewDecoder(db).Decode(new(json.RawMessage)) })
}

// exchange sends a text to the database, calls do with the OpenFlow connection once the switch has
// connected, and then calls hear to read the database's answers.
func (h *bare) exchange(ctx context.Context, say string, do func(*ofconn.Conn) error,
	hear func(net.Conn) error) error {
	db, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(h.OVSDB, "tcp:"))
	if err != nil {
		return err
	}
	defer db.Close()
	defer context.AfterFunc(ctx, func() { _ = db.Close() })()
	if _, err := io.WriteString(db, say); err != nil {
		return err
	}

	select {
	case conn := <-h.conns:
		if err := do(conn); err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}

	return hear(db)
}

// everyRow is the request that monitors every column that Tapline watches.
func everyRow() string {
	all := vswitch.Request()
	mirrors := all[string(vswitch.TableMirror)]
	// Only Open vSwitch 3.4 and later have this column.
	mirrors.Columns = slices.DeleteFunc(mirrors.Columns,
		func(c string) bool { return c == "filter" })

	all[string(vswitch.TableMirror)] = mirrors
	params, err := ovsdb.AppendMonitorParams(nil, vswitch.Database, 0, all, &ovsdb.UUID{})
	if err != nil {
		panic(err) // Constants always encode.
	}

	return `{"id":0,"method":"monitor_cond_since","params":` + string(params) + `}`
}

// findPorts finds the ports that the transaction refers to: those of the guests and of the tap NIC.
func (h *bare) findPorts(guests int, nic string) (err error) {
	names := []string{"--bare", "--columns=_uuid", "list", "port", nic}
	for g := range guests {
		names = append(names, fmt.Sprintf("vnet%d", g))
	}

	text, err := h.VSCtl(names...)
	if h.ports = strings.Fields(text); err != nil {
		return err
	}

	text, err = h.VSCtl("get", "interface", nic, "ofport")
	if err == nil {
		_, err = fmt.Sscan(text, &h.nic)
	}

	return err
}

// rows is a request to monitor cur_cfg, followed by the transaction.
func (h *bare) rows() string {
	uuids := make([]string, len(h.ports))
	for i, id := range h.ports {
		uuids[i] = fmt.Sprintf(`["uuid",%q]`, id)
	}

	nic, guests := uuids[0], strings.Join(uuids[1:], ",")
	const ids = `"external_ids":["map",[["tapline","180919a4-32b2-4e7d-a354-e772ca2ecfe7"],` +
		`["tapline-id","capture-74976a05"]]]`
	port := func(id, name, kind, options, more string, number openflow.PortNo) string {
		return fmt.Sprintf(`{"op":"insert","table":"Interface","row":{"name":%q,"type":%q,`+
			`"options":["map",[%s]],"ofport_request":%d,%s},"uuid-name":"i%s"},`, name, kind,
			options, number, ids, id) +
			fmt.Sprintf(`{"op":"insert","table":"Port","row":{"name":%q,`+
				`"interfaces":["named-uuid","i%s"],%s%s},"uuid-name":"p%s"},`, name, id, more, ids,
				id)
	}

	return `{"id":0,"method":"monitor","params":["Open_vSwitch","m",` +
		`{"Open_vSwitch":{"columns":["cur_cfg","next_cfg"]}}]}` +
		`{"id":1,"method":"transact","params":["Open_vSwitch",` +
		port("b", "brtap", "internal", ``, ``, 1) +
		port("g", "tl-gre", "gre", `["remote_ip","flow"],["key","flow"],["df_default","false"]`, ``,
			bareTunnel) +
		port("t", "tlt-74976a05", "patch", `["peer","tlm-74976a05"]`, ``, barePatch) +
		port("m", "tlm-74976a05", "patch", `["peer","tlt-74976a05"]`,
			`"vlan_mode":"trunk","trunks":4095,`, barePatch) +
		fmt.Sprintf(`{"op":"insert","table":"Mirror","row":{"name":"tl-74976a05",`+
			`"select_src_port":["set",[%[1]s]],"select_dst_port":["set",[%[1]s]],`+
			`"output_port":["named-uuid","pm"],%[2]s},"uuid-name":"x"},`, guests, ids) +
		fmt.Sprintf(`{"op":"insert","table":"Controller","row":{"target":"tcp:127.0.0.1:%d",`+
			`"connection_mode":"out-of-band","inactivity_probe":5000,"max_backoff":1000,%s},`+
			`"uuid-name":"c"},`, fleetOpenFlow, ids) +
		fmt.Sprintf(`{"op":"insert","table":"Bridge","row":{"name":"brtap",`+
			`"datapath_type":"system","fail_mode":"secure","protocols":"OpenFlow13",`+
			`"controller":["named-uuid","c"],`+
			`"ports":["set",[["named-uuid","pb"],["named-uuid","pg"],["named-uuid","pt"],%s]],`+
			`"other_config":["map",[["datapath-id","%016x"],["disable-in-band","true"]]],%s},`+
			`"uuid-name":"b"},`, nic, h.number, ids) +
		fmt.Sprintf(`{"op":"mutate","table":"Bridge","where":[["name","==",%q]],`+
			`"mutations":[["ports","delete",%s],["ports","insert",["named-uuid","pm"]],`+
			`["mirrors","insert",["named-uuid","x"]]]},`, lab.WireBridge, nic) +
		`{"op":"mutate","table":"Open_vSwitch","where":[],"mutations":[["bridges","insert",` +
		`["named-uuid","b"]],["next_cfg","+=",1]]}]}`
}

// flows are as many, and of the same kind, as Tapline has on a host with one capture.
func (h *bare) flows() []openflow.FlowMod {
	const id, mask = uint64(0x7463<<48 | 1), ^uint64(0)
	add := func(table openflow.TableID, priority uint16, match oxm.Match,
		do ...action.Instruction) openflow.FlowMod {
		return openflow.FlowMod{Table: table, Priority: priority, Cookie: openflow.Cookie(id),
			Match: match, Instructions: do}
	}

	return []openflow.FlowMod{
		add(3, 100, oxm.Match{oxm.Metadata(id)},
			action.ApplyActions{action.Output{Port: h.nic}}),
		add(2, 100, oxm.Match{oxm.Metadata(id)}, action.GotoTable{Table: 3}),
		add(1, 1, nil, action.GotoTable{Table: 2}),
		add(1, 100, oxm.Match{oxm.EthType(0x0800), oxm.IPProto(47),
			oxm.IPv4Src(netip.PrefixFrom(h.TunnelIP, 32))}),
		add(1, 100, oxm.Match{oxm.EthType(0x0800), oxm.IPProto(47),
			oxm.IPv4Dst(netip.PrefixFrom(h.TunnelIP, 32))}),
		add(0, 100, oxm.Match{oxm.InPort(barePatch)},
			action.WriteMetadata{Value: id, Mask: mask}, action.GotoTable{Table: 2}),
		add(0, 0xffff, oxm.Match{oxm.InPort(bareTunnel), oxm.EthType(0x88b5),
			oxm.TunnelID(0xffffffff)},
			action.ApplyActions{action.Output{Port: openflow.PortController, MaxLen: 128}}),
	}
}

// awaitApplied reads until the switch has applied the transaction.
func awaitApplied(db net.Conn) error {
	for in := json.NewDecoder(db); ; {
		var m struct { // a reply, or an update
			Method         string
			Result, Params json.RawMessage
		}
		if err := in.Decode(&m); err != nil {
			return err
		}

		var results []result
		_ = json.Unmarshal(m.Result, &results) // Only the transaction's result is a list.
		for _, r := range results {
			if r.Error != "" {
				return fmt.Errorf("transaction: %s: %s", r.Error, r.Details)
			}
		}

		var params [2]json.RawMessage
		var tables map[string]map[string]struct {
			New struct {
				Applied int64 `json:"cur_cfg"`
				Wanted  int64 `json:"next_cfg"`
			} `json:"new"`
		}
		if m.Method != "update" || json.Unmarshal(m.Params, &params) != nil ||
			json.Unmarshal(params[1], &tables) != nil {
			continue
		}

		// An update of cur_cfg means that the switch has applied the transaction.
		for _, row := range tables["Open_vSwitch"] {
			if row.New.Applied >= row.New.Wanted {
				return nil
			}
		}
	}
}
