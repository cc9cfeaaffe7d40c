package declare_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

const lab = `# a lab
kind: tap_flow # before what it refers to
name: web
type: vnic
guest_id: vm1
direction: in
tap_id: ids
---
kind: tap_service
name: ids
type: guest
target_id: vm2
enabled: true
---
kind: list
items:
- kind: host
  name: h1
  ovsdb: tcp:192.0.2.1:6640
  wires: {net0: br0}
  nics:
  - {name: eth3, mac: 52-54-00-00-00-33}
- kind: guest
  name: vm1
  nics:
  - {mac: "52:54:00:00:00:01", ip: 10.0.0.1}
---
guests:
- name: vm2
  id: vm-2
  nics: [{mac: "52:54:00:00:00:02"}]
`

// without takes one of the documents of lab out.
func without(begin string) string {
	docs := strings.Split(lab, "---\n")
	var out []string
	for _, doc := range docs {
		if !strings.Contains(doc, begin) {
			out = append(out, doc)
		}
	}
	return strings.Join(out, "---\n")
}

func TestApply(t *testing.T) {
	d := tapctltest.New(t)
	path := d.File(lab)
	tapctltest.Golden(t, "apply-dry-run.txt", d.Must("apply --dry-run -f", path))
	require.Empty(t, d.Engine.Hosts())
	code, out, _ := d.Run("diff -f", path)
	require.Equal(t, 1, code)
	require.Equal(t, d.Must("apply --dry-run=true -f", path), out)

	require.Equal(
		t,
		"host/h1 created\nguest/vm1 created\nguest/vm2 created\ntap-service/ids created\n"+
			"tap-flow/web created\n",
		d.Must("apply -f", path),
	)

	s, err := d.Engine.Service("ids")
	require.NoError(t, err)
	require.True(t, s.Enabled)
	require.Equal(t, "vm-2", s.TargetID)
	require.Equal(t, "default", s.AppliedBy)

	second := d.Must("apply -f", path)
	require.Equal(t, 5, strings.Count(second, "unchanged\n"), second)
	require.Equal(t, "no difference\n", d.Must("diff -f", path))
	d.Stdin = lab
	require.Equal(t, second, d.Must("apply -f -"))

	changed := strings.Replace(
		strings.Replace(strings.Replace(lab, "direction: in", "direction: OUT", 1), "{net0: br0}",
			"{net1: br1}", 1),
		"enabled: true",
		"enabled: false",
		1,
	)

	tapctltest.Golden(t, "apply-update.txt", d.Must("apply --dry-run -f", d.File(changed)))
	require.Contains(t, d.Must("apply -f", d.File(changed)), "tap-flow/web updated (direction)\n")
	f, err := d.Engine.Flow("web")
	require.NoError(t, err)
	require.Equal(t, "OUT", string(f.Direction))
	h, err := d.Engine.Host("h1")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"net1": "br1"}, h.Wires)

	// Another source makes another flow of it; what the file does not say stays.
	d.Must("tap-flow-disable web")
	moved := strings.Replace(lab, "guest_id: vm1", "guest_id: vm2", 1)
	moved = strings.Replace(moved, "target_id: vm2", "target_id: vm2", 1)
	require.Contains(t, d.Must("apply -f", d.File(moved)),
		"tap-flow/web replaced (direction, guest_id)\n")

	f, err = d.Engine.Flow("web")
	require.NoError(t, err)
	require.False(t, f.Enabled)
	require.Equal(t, "default", f.AppliedBy)
}

func TestPrune(t *testing.T) {
	d := tapctltest.New(t)
	d.Must("apply -f", d.File(lab))
	d.Must("tap-flow-create --type vnic --guest-id vm1 --tap-id ids by-hand")
	d.Must("guest-create vm9 --nic mac=52:54:00:00:00:09")
	other := d.File("kind: guest\nname: vm8\nnics: [{mac: '52:54:00:00:00:08'}]\n")
	d.Must("apply --set other -f", other)

	require.NotContains(t, d.Must("apply -f", d.File(without("name: web"))), "deleted",
		"nothing is deleted without --prune")

	less := d.File(without("name: web"))
	require.Contains(t, d.Must("apply --prune --dry-run -f", less), "- tap-flow/web delete\n")
	require.Contains(t, d.Must("apply --prune -f", less), "tap-flow/web deleted\n")
	names := func() (out []string) {
		for _, f := range d.Engine.Flows() {
			out = append(out, f.Name)
		}
		for _, g := range d.Engine.Guests() {
			out = append(out, g.Name)
		}
		return out
	}

	require.Equal(t, []string{"by-hand", "vm1", "vm2", "vm8", "vm9"}, names(),
		"what apply never made stays")

	// What somebody else still uses keeps everything from being deleted.
	stderr := d.Fails(cli.ExitFailed, "apply --prune -f", other)
	require.Contains(t, stderr,
		`tap service "ids" cannot be deleted: tap service "ids" still has 1 tap flows`)

	require.Contains(t, stderr, "nothing was changed")
	require.Equal(t, []string{"by-hand", "vm1", "vm2", "vm8", "vm9"}, names())
	d.Must("tap-flow-delete by-hand")
	require.Contains(
		t,
		d.Must("apply --set other --prune -f",
			d.File("kind: guest\nname: vm9\nnics: [{mac: '52:54:00:00:00:09'}]\n")),
		"guest/vm8 deleted",
	)

	stderr = d.Fails(cli.ExitFailed, "apply --set other -f",
		d.File(strings.Replace(lab, "52-54-00-00-00-33", "52:54:00:00:00:44", 1)))

	require.Contains(t, stderr,
		`host "h1" belongs to apply set "default": apply it with --set default`)
}

func TestBadDocuments(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	before := []any{d.Engine.Hosts(), d.Engine.Guests(), d.Engine.Services(), d.Engine.Flows()}
	good := "kind: guest\nname: new\nnics: [{mac: '52:54:00:00:00:0a'}]\n---\n"
	for name, tc := range map[string]struct{ text, want string }{
		"no YAML": {"kind: [", "lab.yaml:5:7: this is not YAML"},
		"no kind": {"name: x",
			"lab.yaml:5:1: kind is missing: want one of host, guest, tap_service, tap_flow"},
		"unknown kind": {"kind: pod\nname: x",
			`lab.yaml:5:1: kind: "pod" is no kind of resource`},
		"no name": {"kind: host\novsdb: tcp:192.0.2.9:6640",
			"lab.yaml:5:1: name is missing"},
		"no mapping": {"- 7", "lab.yaml:5:3: [0]: this is no resource"},
		"unknown field": {"kind: tap_flow\nname: f\nvlan_tag: 7",
			"lab.yaml:7:1: vlan_tag: is not a field of a tap flow: want some of description, " +
				"direction"},
		"unknown inner": {"kind: guest\nname: g\nnics:\n- mac: '52:54:00:00:00:0b'\n  vlan: 7",
			`nics: "vlan" is not a field here`},
		"wrong type": {"kind: tap_flow\nname: f\nvlan_id: seven",
			"lab.yaml:7:1: vlan_id: text is not accepted: want a whole number"},
		"twice": {"kind: guest\nname: new\nnics: [{mac: '52:54:00:00:00:0b'}]",
			`guest "new" is described twice, first at`},
		"reference": {"kind: tap_flow\nname: f\ntype: vnic\nguest_id: vm2\ntap_id: ids",
			`lab.yaml:8:1: guest_id: there is no guest "vm2", neither at the controller nor in ` +
				`these documents; did you mean vm1?`},
		"fixed": {"kind: tap_service\nname: ids\ntype: guest\ntarget_id: new",
			"lab.yaml:8:1: target_id: the target_id of tap service \"ids\" cannot be changed " +
				"from vm1 to new"},
		"range": {"kind: tap_flow\nname: f\ntype: vswitch\nhost_id: h1\n" +
			"wire_id: net0\ntap_id: ids\nvlan_id: 4095",
			"lab.yaml:11:1: vlan_id: 4095 is not accepted: want a VLAN id 1..4094"},
		"inner": {"kind: host\nname: h9\novsdb: tcp:192.0.2.9:6640\nnics:\n" +
			"- name: eth0\n  mac: zz",
			"lab.yaml:10:3: nics[0].mac: \"zz\" is not accepted: want six octets"},
		"what the API says": {"kind: tap_service\nname: p2\ntype: host\ntarget_id: h1",
			"lab.yaml:5:1: mac_addr: is missing: want that of an unused NIC of the host"},
		"enabled": {"kind: tap_service\nname: ids\nenabled: perhaps",
			"lab.yaml:7:1: enabled: perhaps is not accepted: want true or false"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, verb := range []string{"apply", "diff", "plan"} {
				code := map[string]int{"apply": 1, "diff": 2, "plan": 1}[verb]
				stderr := d.Fails(code, verb+" -f", d.File(good+tc.text))
				require.Contains(t, stderr, tc.want)
				require.Contains(t, stderr, "next: correct the documents; nothing was changed")
			}
			require.Equal(t, before,
				[]any{d.Engine.Hosts(), d.Engine.Guests(), d.Engine.Services(), d.Engine.Flows()})
		})
	}

	require.Contains(t, d.Fails(cli.ExitFailed, "apply -f", d.File("# nothing\n")),
		"there are no documents")

	require.Contains(t, d.Fails(cli.ExitFailed, "apply -f /nonexistent"), "next: name a file")
	require.Contains(t, d.Fails(cli.ExitUsage, "apply"), "-f is missing")
	require.Contains(t, d.Fails(2, "diff -f /nonexistent"), "/nonexistent")
	d.Env["TAPLINE_SERVER"] = "127.0.0.1:1"
	require.Contains(t, d.Fails(2, "diff -f", d.File(good)), "check that the controller runs")
}

func TestJSONDocuments(t *testing.T) {
	d := tapctltest.New(t)
	text := "{\n\t\"kind\": \"guest\", \"name\": \"vm1\",\n" +
		"\t\"nics\": [{\"mac\": \"52:54:00:00:00:01\"}]\n}\n{\"kind\": \"guest\",\n" +
		" \"name\": \"vm2\", \"nics\": [{\"mac\": \"52:54:00:00:00:02\"}]}\n"

	require.Equal(t, "guest/vm1 created\nguest/vm2 created\n", d.Must("apply -f", d.File(text)))
	require.Contains(t,
		d.Fails(cli.ExitFailed, "apply -f", d.File(strings.Replace(text, `"vm2"`, `7`, 1))),
		"lab.yaml:6:2: name: 7 is not a name")

	dir := t.TempDir()
	require.Contains(t, d.Fails(cli.ExitFailed, "apply -f", dir), "has no file that ends in .yaml")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.json"), []byte(text), 0o600))
	require.NoError(
		t,
		os.WriteFile(filepath.Join(dir, "b.yml"),
			[]byte("kind: guest\nname: vm3\nnics: [{mac: '52:54:00:00:00:03'}]\n"), 0o600),
	)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "README"), []byte("no document"), 0o600))
	require.Equal(t, "guest/vm1 unchanged\nguest/vm2 unchanged\nguest/vm3 created\n",
		d.Must("apply -f", dir))
}

// TestExport: what is exported changes nothing where it comes from, and makes the same elsewhere.
func TestExport(t *testing.T) {
	d := tapctltest.Spread(t)
	exported := d.Must("export")
	tapctltest.Golden(t, "export.txt", exported)
	require.Equal(t, "no difference\n", d.Must("diff -f", d.File(exported)))
	require.NotContains(t, d.Must("apply -f", d.File(exported)), "updated")
	require.Equal(t, "no difference\n", d.Must("diff -f", d.File(d.Must("export -o json"))))
	for _, list := range []string{"host-list -o yaml", "guest-list -o json",
		"tap-service-list -o yaml", "tap-flow-list -o json"} {
		if strings.HasPrefix(list, "guest") {
			continue // It shows what was learned, too.
		}
		require.Equal(t, "no difference\n", d.Must("diff -f", d.File(d.Must(list))), list)
	}

	other := tapctltest.New(t)
	db := strings.ReplaceAll(exported, "guest_id: db", "guest_id: vm1")
	db = strings.ReplaceAll(db, "52:54:00:00:00:09", "52:54:00:00:00:01")
	other.Must("apply -f", other.File(db))
	require.Equal(t, db, other.Must("export"))

	require.NotContains(t, d.Must("export tap_flow"), "kind: host")
	require.Equal(t, "# nothing to export\n", d.Must("export --set lab"))
	require.Contains(t, d.Fails(cli.ExitUsage, "export pods"), "no kind that can be exported")
	var docs []any
	for _, text := range strings.Split(exported, "---\n") {
		var doc map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(text), &doc))
		docs = append(docs, doc)
	}

	require.Len(t, docs, 9)
}

// TestExportDeclares: what was only learned is not exported, nor applied where an answer of the API
// is a document.
func TestExportDeclares(t *testing.T) {
	d := tapctltest.Spread(t)
	d.Engine.LearnTunnel("host-2", netip.MustParseAddr("192.0.2.2"))
	declared := func() []string {
		var out []string
		for _, h := range d.Engine.Hosts() {
			out = append(out, h.Host.TunnelIP.String())
		}
		return out
	}

	before := declared()
	require.Equal(t, []string{"192.0.2.1", "invalid IP"}, before)
	require.Contains(t, d.Must("host-show h2"),
		"tunnel_ip           192.0.2.2\ndeclared_tunnel_ip  -\n")

	for _, form := range []string{"export", "export -o json", "host-list -o yaml",
		"host-list -o json"} {
		out := d.File(d.Must(form))
		require.Equal(t, "no difference\n", d.Must("diff -f", out), form)
		d.Must("apply -f", out)
		require.Equal(t, before, declared(), form)
	}

	d.Engine.LearnGuest(
		view.Guest{
			ID:   "vm9",
			Name: "vm nine",
			NICs: []view.NIC{{Port: "vnet9", HostID: "host-1"}},
		},
	)

	require.Contains(t, d.Must("guest-list -o json"), `"vm nine"`)
	require.Equal(t, "no difference\n", d.Must("diff -f", d.File(d.Must("guest-list -o json"))),
		"guests are as they were declared, and those that were not are none")

	require.Contains(t, d.Must("apply -f", d.File("kind: host\nname: h2\ntunnel_ip: 192.0.2.2\n")),
		"host/h2 updated (tunnel_ip)")

	require.Equal(t, []string{"192.0.2.1", "192.0.2.2"}, declared(),
		"who writes the address declares it, also if it is the one that was learned")
}

// TestApplyBesideOthers: what somebody else changes between apply's look and its change is not
// overwritten.
func TestApplyBesideOthers(t *testing.T) {
	for _, at := range []string{http.MethodGet, http.MethodPatch} {
		t.Run(at, func(t *testing.T) {
			d := tapctltest.New(t)
			d.Furnish()
			once := sync.OnceFunc(func() {
				_, err := d.Engine.UpdateFlow(
					t.Context(),
					"web",
					0,
					func(f *store.Flow) error { f.Direction = tap.Out; return nil },
				)
				require.NoError(t, err)
			})

			inner := d.Server.Config.Handler
			between := httptest.NewServer(
				http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if strings.HasPrefix(r.URL.Path, "/api/v1/tap_flows/") && r.Method == at {
						once()
					}
					inner.ServeHTTP(w, r)
				}),
			)

			t.Cleanup(between.Close)
			d.Env["TAPLINE_SERVER"] = between.URL
			file := d.File("kind: tap_flow\nname: web\ndirection: BOTH\n")
			require.Regexp(t, "changed by somebody else|changed meanwhile",
				d.Fails(cli.ExitFailed, "apply -f", file))

			require.Contains(t, d.Must("tap-flow-show web"), "direction    OUT")
			require.Contains(t, d.Must("apply -f", file), "tap-flow/web updated (direction)")
		})
	}
}

func TestApplyWaits(t *testing.T) {
	d := tapctltest.New(t)
	code, out, stderr := d.Run("apply --wait 20ms -f", d.File(lab))
	require.Equal(t, cli.ExitPending, code)
	require.Contains(t, out, "tap-flow/web created")
	require.Contains(t, stderr,
		`host "h1" is not ready after 20ms: pending: waiting for the switch`)

	var told struct {
		DryRun  bool `json:"dry_run"`
		Changes []struct{ Kind, Action string }
	}
	require.NoError(t, json.Unmarshal([]byte(d.Must("apply -o json -f", d.File(lab))), &told))
	require.Len(t, told.Changes, 5)
	require.Equal(t, "unchanged", told.Changes[0].Action)
}

func TestPlanVerb(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	before := []any{d.Engine.Hosts(), d.Engine.Guests(), d.Engine.Services(), d.Engine.Flows()}
	for _, tc := range []struct{ line, want string }{
		{"plan tap-flow-create --type vnic --guest-id vm1 --tap-id ids new --wait 1m",
			"tap-flow/new create: pending: waiting for the switch\n"},
		{"plan tap-flow-delete web net0-100",
			"tap-flow/net0-100 delete: was pending: waiting for the switch\n"},
		{"plan tap-service enable ids",
			"tap-service/ids update: disabled -> pending: waiting for the switch\n"},
		{"plan tap-flow-disable --all", "tap-flow/web update: error"},
		{"plan host-update h1 --name h9", "host/h9 update: ready\n"},
		{"plan guest-create g9 --nic mac=52:54:00:00:00:19", "guest/g9 create\n"},
		{"plan tap-flow-delete web -o json", `"action": "delete"`},
		{"-o json plan tap-flow-delete web", `"action": "delete"`},
		{"plan wire-update net0 --bridge h1=br7", "no switch would be changed"},
	} {
		require.Contains(t, d.Must(tc.line), tc.want, tc.line)
		require.Equal(t, before,
			[]any{d.Engine.Hosts(), d.Engine.Guests(), d.Engine.Services(), d.Engine.Flows()},
			tc.line)
	}

	for line, tc := range map[string]struct {
		code int
		want string
	}{
		"plan":                             {2, "want a verb that changes something"},
		"plan tap-flow-list":               {2, "tap-flow-list changes nothing"},
		"plan tap-flow-create --type vnic": {2, "the NAME is missing"},
		"plan tap-flow-lst":                {2, "unknown command"},
		"plan tap-flow-delete wbe":         {1, `did you mean tap flow "web"?`},
		"plan tap-service-delete ids":      {1, "still has 1 tap flows"},
	} {
		require.Contains(t, d.Fails(tc.code, line), tc.want, line)
	}
}

// TestApplyOptions: options, labels and times of documents are applied once, in whatever form they
// are written, and an export of them changes nothing.
func TestApplyOptions(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	file := d.File(`
kind: tap_flow
name: web
type: vnic
guest_id: vm1
mac_addr: 52:54:00:00:00:01
ip_addr: 10.0.0.1
tap_id: ids
direction: IN
filter: tcp port 443
snaplen: 128
sample: 1
vlan: "100"
expires_at: "2126-11-30T10:00:00+02:00"
labels: {app: db}
description: audit
---
kind: tap_service
name: ids
type: guest
target_id: vm1
rate_limit: 10000kbit/s
labels: {app: ids}
---
kind: host
name: h1
ovsdb: tcp:192.0.2.1:6640
labels: {rack: a1}
---
kind: guest
name: vm1
nics: [{mac: "52:54:00:00:00:01", ip: 10.0.0.1, ifname: vnet0}]
description: first
`)
	d.Must("apply -f " + file)
	flow := d.Must("tap-flow-show web -o yaml")
	for _, want := range []string{"filter: tcp port 443", "snaplen: 128", "sample: 0", "vlan: 100",
		"2126-11-30T08:00:00Z", "app: db", "description: audit"} {
		require.Contains(t, flow, want)
	}
	require.Contains(t, d.Must("tap-service-show ids"), "10Mbit/s")
	require.NotContains(t, d.Must("apply -f "+file), "update", "whatever form it is written in")

	export := d.File(d.Must("export"))
	require.NotContains(t, d.Must("diff -f "+export), " update\n")

	d.Must("apply -f " + d.File(`
{kind: tap_flow, name: web, type: vnic, guest_id: vm1, tap_id: ids, direction: IN, labels: {}}`))
	flow = d.Must("tap-flow-show web -o yaml")
	require.Contains(t, flow, `filter: ""`, "what narrows goes with its field")
	require.Contains(t, flow, "vlan: keep")
	require.NotContains(t, flow, "app: db")
	require.Contains(t, flow, "2126-11-30T08:00:00Z", "what does not narrow stays")

	bad := d.File("{kind: tap_flow, name: f, type: vnic, guest_id: vm1, tap_id: ids, " +
		"expires_at: soon}")
	require.Contains(t, d.Fails(cli.ExitFailed, "apply -f "+bad),
		"lab.yaml:1:67: expires_at: soon is not a time: want one such as 2026-11-30T08:00:00Z")
	bad = d.File("{kind: tap_flow, name: f, type: vnic, guest_id: vm1, tap_id: ids, " +
		"filter: tcp and prot 80}")
	require.Contains(t, d.Fails(cli.ExitFailed, "apply -f "+bad), "filter: at octet 9: ")
}
