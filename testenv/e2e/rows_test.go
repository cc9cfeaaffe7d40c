//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// tables are those of the switch's configuration.
var tables = []string{"Open_vSwitch", "Bridge", "Port", "Interface", "Mirror", "Controller",
	"Manager", "QoS", "Queue", "SSL"}

// volatile are columns that the switch writes on its own, whatever its configuration.
var volatile = []string{"statistics", "status", "is_connected", "role", "link_resets", "link_state",
	"link_speed", "ifindex", "duplex",
	"datapath_version", "mac_in_use", "admin_state", "mtu"}

// epochs are the entries of external_ids that count who has kept a switch.
var epochs = regexp.MustCompile(`(tapline-epoch-[^= ]+)=[0-9]+`)

// row is a row of the database: column to value as text, in which rows go by their names where they
// have one.
type row map[string]string

// database is what a switch's database holds, by TABLE/UUID.
type database map[string]row

// dump reads a switch's database without what changes by itself.
func dump(t testing.TB, h *lab.Host) database {
	t.Helper()
	d, err := read(h)
	must(t, err)
	return d
}

func read(h *lab.Host) (database, error) {
	d := database{}
	names := map[string]string{}
	type cell struct {
		key, column string
		value       any
	}
	var cells []cell
	args := []string{"--no-wait", "--format=json"}
	for i, table := range tables {
		if i > 0 {
			args = append(args, "--")
		}
		args = append(args, "list", table)
	}

	lists, err := h.VSCtl(args...)
	if err != nil {
		return nil, err
	}

	decoder := json.NewDecoder(strings.NewReader(lists))
	for _, table := range tables {
		var list struct {
			Headings []string
			Data     [][]any
		}
		if err := decoder.Decode(&list); err != nil {
			return nil, fmt.Errorf("%s: %w", table, err)
		}

		for _, values := range list.Data {
			uuid := values[slices.Index(list.Headings, "_uuid")].([]any)[1].(string)
			key := table + "/" + uuid
			d[key] = row{}
			for i, column := range list.Headings {
				if column == "_uuid" || slices.Contains(volatile, column) {
					continue
				}
				cells = append(cells, cell{key, column, values[i]})
				if name, ok := values[i].(string); ok && column == "name" {
					names[uuid] = name
				}
			}
		}
	}

	for _, c := range cells {
		d[c.key][c.column] = text(c.value, names)
		// A nudge writes the same target in another notation (package session).
		if c.column == "target" {
			d[c.key][c.column] = strings.ReplaceAll(d[c.key][c.column], ":0", ":")
		}
		// Each controller that begins to keep a switch raises the epoch.
		if c.column == "external_ids" {
			d[c.key][c.column] = epochs.ReplaceAllString(d[c.key][c.column], "$1=N")
		}
	}

	return d, nil
}

// text writes a value in the notation of RFC 7047 for people.
func text(v any, names map[string]string) string {
	list, composite := v.([]any)
	if !composite {
		return fmt.Sprint(v)
	}

	switch list[0] {
	case "uuid":
		if name := names[list[1].(string)]; name != "" {
			return name
		}
		return list[1].(string)
	case "set":
		var items []string
		for _, item := range list[1].([]any) {
			items = append(items, text(item, names))
		}
		slices.Sort(items)
		return "[" + strings.Join(items, " ") + "]"
	}

	var items []string
	for _, item := range list[1].([]any) {
		pair := item.([]any)
		items = append(items, text(pair[0], names)+"="+text(pair[1], names))
	}

	slices.Sort(items)
	return "{" + strings.Join(items, " ") + "}"
}

// differs says how another dump differs from this one; "" if it does not.
func (d database) differs(other database) string {
	var out strings.Builder
	all := maps.Clone(d)
	maps.Copy(all, other)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		before, after := d[key], other[key]
		switch {
		case before == nil:
			fmt.Fprintf(&out, "+ %s %v\n", key, after)
		case after == nil:
			fmt.Fprintf(&out, "- %s %v\n", key, before)
		default:
			for _, column := range slices.Sorted(maps.Keys(before)) {
				if before[column] != after[column] {
					fmt.Fprintf(&out, "! %s (%s) %s: %s -> %s\n", key, before["name"], column,
						before[column], after[column])
				}
			}
		}
	}

	return out.String()
}

// without drops columns of a table.
func (d database) without(table string, columns ...string) database {
	for key, r := range d {
		if strings.HasPrefix(key, table+"/") {
			for _, c := range columns {
				delete(r, c)
			}
		}
	}
	return d
}

// ours says whether a row carries a cluster's id.
func (r row) ours() bool { return strings.Contains(r["external_ids"], "tapline=") }

// foreign is what others own: without our rows, and without the names of our rows where others'
// rows list them.
func (d database) foreign() database {
	owned := map[string]bool{}
	targets := map[string]bool{}
	for key, r := range d {
		if r.ours() {
			owned[r["name"]] = true
			if strings.HasPrefix(key, "Bridge/") {
				owned["brtap"] = true
				targets[r["controller"]] = true
			}
		}
	}

	out := database{}
	for key, r := range d {
		table, uuid, _ := strings.Cut(key, "/")
		tapBridge := r["name"] == "brtap" && (table == "Port" || table == "Interface")
		if r.ours() || tapBridge || targets["["+uuid+"]"] || targets[uuid] {
			continue
		}

		copied := row{}
		for column, value := range r {
			if inner, isSet := strings.CutPrefix(value, "["); isSet &&
				(column == "ports" || column == "mirrors" || column == "bridges") {
				kept := slices.DeleteFunc(strings.Fields(strings.TrimSuffix(inner, "]")),
					func(name string) bool { return owned[name] })
				value = strings.Join(kept, " ")
			} else if (column == "ports" || column == "mirrors" || column == "bridges") &&
				owned[value] {
				value = ""
			}
			copied[column] = value
		}

		out[key] = copied
	}

	return out.without("Open_vSwitch", "next_cfg", "cur_cfg")
}

// content is everything of ours on a switch without what changes when it is made anew: rows without
// UUIDs, flows without statistics. The tag of brtap's own port, which counts transactions, is left
// out.
func content(h *lab.Host) (string, error) {
	d, err := read(h)
	if err != nil {
		return "", err
	}

	var lines []string
	for key, r := range d {
		table, _, _ := strings.Cut(key, "/")
		tapBridge := r["name"] == "brtap" && table != "Controller"
		if !r.ours() && !tapBridge {
			continue
		}

		for _, column := range []string{
			"name", "type", "options", "external_ids", "vlan_mode", "trunks", "tag", "fail_mode",
			"protocols", "other_config",
			"datapath_type", "ports", "mirrors", "interfaces", "select_all", "select_src_port",
			"select_dst_port", "select_vlan",
			"output_port", "output_vlan", "target", "connection_mode", "inactivity_probe",
			"max_backoff",
		} {
			if value, exists := r[column]; exists && !(tapBridge && column == "tag") {
				lines = append(lines, fmt.Sprintf("%s %s %s %s", table, r["name"], column, value))
			}
		}
	}

	flows, err := h.OFCtl("--no-stats", "--names", "dump-flows", "brtap")
	if err != nil {
		return "", err
	}

	for _, line := range strings.Split(flows, "\n") {
		lines = append(lines, strings.TrimSpace(line))
	}

	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}

// difference shows the lines that only one of two texts has.
func difference(before, after string) string {
	var out []string
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	for _, line := range a {
		if !slices.Contains(b, line) {
			out = append(out, "- "+line)
		}
	}

	for _, line := range b {
		if !slices.Contains(a, line) {
			out = append(out, "+ "+line)
		}
	}

	return strings.Join(out, "\n")
}

// installed is a flow of brtap as the switch tells it: what it does, its cookie, and for how many
// seconds.
type installed struct {
	cookie string
	age    float64
}

var flowLine = regexp.MustCompile(`cookie=(\S+), duration=([0-9.]+)s, (table=\d+), ` +
	`.*?((?:priority=|reset_counts|idle_|hard_).*)$`)

// flowsOf reads brtap's flows.
func flowsOf(t testing.TB, h *lab.Host) map[string]installed {
	t.Helper()
	text, err := h.OFCtl("dump-flows", "brtap")
	must(t, err)
	all := map[string]installed{}
	for _, line := range strings.Split(text, "\n") {
		if m := flowLine.FindStringSubmatch(line); m != nil {
			age, err := strconv.ParseFloat(m[2], 64)
			must(t, err)
			if strings.Contains(m[4], "hard_timeout=1,") {
				continue // The controller looks at copies for a moment.
			}
			all[m[3]+" "+m[4]] = installed{cookie: m[1], age: age}
		}
	}

	if len(all) == 0 {
		t.Fatalf("no flows read from %q", text)
	}

	return all
}

// sameFlows fails if a flow came, went, or was written again between two readings.
func sameFlows(t testing.TB, before, after map[string]installed) {
	t.Helper()
	for flow, b := range before {
		a, exists := after[flow]
		switch {
		case !exists:
			t.Errorf("flow %s is gone", flow)
		case a.cookie != b.cookie:
			t.Errorf("flow %s: cookie %s became %s", flow, b.cookie, a.cookie)
		case a.age < b.age:
			t.Errorf("flow %s was written again: it was %.3f s old and is %.3f s", flow, b.age,
				a.age)
		}
	}

	for flow := range after {
		if _, existed := before[flow]; !existed {
			t.Errorf("flow %s is new", flow)
		}
	}
}

// cutMirror is the id in the key of a Mirror.
func cutMirror(key string) (uuid string, is bool) { return strings.CutPrefix(key, "Mirror/") }
