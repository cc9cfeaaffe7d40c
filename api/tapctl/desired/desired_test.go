package desired_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/cloud"
	"github.com/tapline-sdn/tapline/api/tapctl/desired"
)

// state is a cloud with one of each kind. vm2 and its bridge are only detected.
func state() cloud.State {
	return cloud.State{
		Hosts: []api.Host{{
			ID: "host-1", Name: "h1", OVSDB: "tcp:192.0.2.1:6640", TunnelIP: "192.0.2.1",
			Wires: map[string]string{"net0": "br0", "phys": "br-phy"}, AppliedBy: "lab",
			NICs: []api.HostNIC{{Name: "eth3", MAC: "52:54:00:00:00:33", Speed: 10000}},
		}},
		Guests: map[string]api.Guest{
			"vm-1": {
				ID: "vm-1", Name: "vm1", Declared: true, AppliedBy: "lab",
				DeclaredNICs: []api.GuestNICCreate{{MAC: "52:54:00:00:00:01", IP: "2001:db8::1"}},
			},
			"vm-2": {ID: "vm-2", Name: "vm2"},
		},
		Wires: []api.Wire{{ID: "net0", Name: "net0", Hosts: []api.WireHost{
			{HostID: "host-1", Host: "h1", Bridge: "br0", Declared: true},
		}}},
		TapServices: []api.TapService{{
			ID: "svc-1", Name: "ids", Type: "guest", TargetID: "vm-2", MACAddr: "02:00:00:00:00:01",
			Enabled: true, AppliedBy: "lab",
		}},
		TapFlows: []api.TapFlow{{
			ID: "flow-1", Name: "web", Type: "vnic", TapID: "svc-1", GuestID: "vm-1",
			MACAddr: "52:54:00:00:00:01", Direction: "IN", Enabled: true, AppliedBy: "lab",
		}},
	}
}

// compare returns the changes for documents, a line each, and the error.
func compare(documents string, options desired.Options) ([]string, []*desired.Change, error) {
	want, err := desired.Read([]string{"-"}, strings.NewReader(documents))
	if err != nil {
		return nil, nil, err
	}

	changes, err := desired.Compare(desired.NewCurrent(state()), want, options)

	var lines []string
	for _, c := range changes {
		line := fmt.Sprintf("%s %s %s", c.Action, c.Kind, c.Name)
		for _, f := range c.Fields {
			line += fmt.Sprintf(" %s: %s -> %s", f.Name, desired.Text(f.Was), desired.Text(f.Is))
		}
		lines = append(lines, line)
	}

	return lines, changes, err
}

func TestCompare(t *testing.T) {
	const flow = "kind: tap_flow\nname: web\ntype: vnic\ntap_id: ids\nguest_id: vm1\n"
	for name, tc := range map[string]struct {
		documents string
		want      []string
	}{
		"the same": {
			flow + "direction: in\n", []string{"unchanged tap_flow web"},
		},
		"MAC addresses in another form": {
			flow + "direction: IN\nmac_addr: 52-54-00-00-00-01\n",
			[]string{"unchanged tap_flow web"},
		},
		"a tap flow without a direction mirrors both": {
			flow, []string{"update tap_flow web direction: IN -> BOTH"},
		},
		"another source replaces a tap flow": {
			"kind: tap_flow\nname: web\ndirection: IN\nguest_id: vm2\n",
			[]string{"replace tap_flow web guest_id: vm1 -> vm2"},
		},
		"an unknown name creates": {
			"kind: guest\nname: new\nnics: [{mac: '52:54:00:00:00:0A'}]\n",
			[]string{"create guest new nics: - -> [{mac:52:54:00:00:00:0a}]"},
		},
		"an IP address in another form": {
			"kind: guest\nname: vm1\nnics: [{mac: '52:54:00:00:00:01', ip: '2001:DB8:0::1'}]\n",
			[]string{"unchanged guest vm1"},
		},
		"a wire that the switch announces needs no declaration": {
			"kind: host\nname: h1\nwires: {net0: br0, phys: br-phy}\n",
			[]string{"unchanged host h1"},
		},
		"a wire on another bridge is declared": {
			"kind: host\nname: h1\nwires: {net0: br0, phys: br9}\n",
			[]string{"update host h1 wires: {net0:br0} -> {net0:br0, phys:br9}"},
		},
		"a tap service is disabled": {
			"kind: tap_service\nname: ids\nenabled: false\n",
			[]string{"update tap_service ids enabled: true -> false"},
		},
		"what the API only shows is ignored": {
			flow + "direction: IN\nstatus: error\nreason: x\ncounters: {}\nvlan_id: 0\n",
			[]string{"unchanged tap_flow web"},
		},
		"an answer of the API": {
			`{"tap_services": [{"name": "ids", "type": "guest", "target_id": "vm-2"}], "total": 1}`,
			[]string{"unchanged tap_service ids"},
		},
		"a detected guest is no declaration": {
			`{"guests": [{"name": "vm2", "declared": false}, {"name": "vm1", "declared": true}]}`,
			[]string{"unchanged guest vm1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			lines, _, err := compare(tc.documents, desired.Options{Set: "lab"})
			require.NoError(t, err)
			require.Equal(t, tc.want, lines)
		})
	}
}

func TestComparePrune(t *testing.T) {
	document := "kind: guest\nname: vm1\n"
	lines, _, err := compare(document, desired.Options{Set: "lab", Prune: true})
	require.NoError(t, err)
	require.Equal(t, []string{
		"unchanged guest vm1", "delete tap_flow web", "delete tap_service ids", "delete host h1",
	}, lines)

	lines, _, err = compare(document, desired.Options{Set: "other", Prune: true})
	require.NoError(t, err)
	require.Equal(t, []string{"unchanged guest vm1"}, lines, "nothing of another set is deleted")
}

func TestStepsOrder(t *testing.T) {
	documents := `
kind: tap_flow
name: web
tap_id: new
direction: IN
---
kind: tap_service
name: new
type: guest
target_id: vm9
enabled: true
---
kind: guest
name: vm9
nics: [{mac: '52:54:00:00:00:09'}]
`

	_, changes, err := compare(documents, desired.Options{Set: "lab", Prune: true})
	require.NoError(t, err)
	steps, err := desired.Steps(changes, "lab")
	require.NoError(t, err)

	var got []string
	for _, step := range desired.Planned(steps) {
		got = append(got, strings.TrimSpace(step.Action+" "+step.Kind+" "+step.Ref))
	}

	require.Equal(t, []string{
		"delete tap_flow flow-1", "delete tap_service svc-1", "delete guest vm-1",
		"delete host host-1",
		"create guest", "create tap_service", "enable tap_service new", "create tap_flow",
	}, got, "a tap flow whose service is deleted is made anew")
}

func TestStepBodies(t *testing.T) {
	documents := `
- {kind: host, name: h1, wires: {net1: br1}}
- {kind: tap_flow, name: web, guest_id: vm2, direction: OUT}
- {kind: tap_service, name: new, type: guest, target_id: vm2, enabled: true}
`

	_, changes, err := compare(documents, desired.Options{Set: "lab"})
	require.NoError(t, err)
	steps, err := desired.Steps(changes, "lab")
	require.NoError(t, err)

	bodies := map[string]string{}
	for _, step := range desired.Planned(steps) {
		bodies[step.Action+" "+step.Kind] = string(step.Body)
	}

	require.JSONEq(t, `{"wires": {"net0": null, "net1": "br1"}}`, bodies["update host"])
	require.JSONEq(t, `{"name": "new", "type": "guest", "target_id": "vm2", "applied_by": "lab"}`,
		bodies["create tap_service"], "a service is enabled by a request of its own")

	require.JSONEq(t, `{"name": "web", "guest_id": "vm2", "direction": "OUT", "applied_by": "lab",
		"enabled": true}`, bodies["create tap_flow"], "a replacement stays enabled and in its set")
}

func TestExportedDocumentsChangeNothing(t *testing.T) {
	current := desired.NewCurrent(state())
	for _, e := range current.All {
		document, err := current.Document(e).MarshalJSON()
		require.NoError(t, err)
		lines, _, err := compare(string(document), desired.Options{Set: "lab"})
		require.NoError(t, err, "%s", document)
		require.Equal(t, []string{"unchanged " + e.Kind + " " + e.Name}, lines, "%s", document)
	}
}

func TestDocumentsRefuseWhatCannotBeChanged(t *testing.T) {
	for document, want := range map[string]string{
		"{kind: guest, name: vm1, id: other}": "the id of guest " +
			"\"vm1\" cannot be changed from vm-1 to other",
		"{kind: tap_service, name: ids, target_id: vm1}": "cannot be changed " +
			"from vm2 to vm1",
		"{kind: tap_flow, name: f, type: vnic, guest_id: vm3, tap_id: ids}": "there is no guest " +
			"\"vm3\"",
		"{kind: host, name: h1, nics: {a: b}}": "nics: a mapping is not accepted: " +
			"want a list",
		"{kind: host, name: h1, nics: [{name: [e]}]}": "a list is not accepted: want text; " +
			"write it in quotes",
		"{kind: host, name: h1, wires: net0}": "wires: text is not accepted: want a mapping",
		"{kind: guest, name: vm1, nics: [{mac: '52:54:00:00:00:01', speed: {x: 1}}]}": "nics: " +
			"\"speed\" is not a field here",
		"{kind: tap_flow, name: web, vlan_id: 1.5}": "vlan_id: a number is not accepted: want " +
			"a whole number",
		"{kind: tap_flow, name: web, vlan_id: true}": "vlan_id: true or false is not accepted: " +
			"want a whole number",
		"{kind: tap_flow, name: web, enabled: 1}": "enabled: a number is not accepted: want " +
			"true or false",
		"{kind: tap_service, name: ids, enabled: on}": "enabled: on is not accepted: want true " +
			"or false",
	} {
		_, _, err := compare(document, desired.Options{Set: "lab"})
		require.ErrorContains(t, err, want, document)
		require.ErrorContains(t, err, "<stdin>:1:", document)
	}

	_, _, err := compare("{kind: tap_flow, name: web, direction: OUT}",
		desired.Options{Set: "other"})

	require.ErrorContains(t, err, `belongs to apply set "lab": apply it with --set lab`)
}

// TestWhatIsBeingDeleted has a cloud whose resources are all deleted and not gone yet.
func TestWhatIsBeingDeleted(t *testing.T) {
	leaving := state()
	leaving.Hosts[0].Status = "deleting"
	leaving.TapServices[0].Status = "deleting"
	leaving.TapFlows[0].Status = "deleting"
	leaving.TapFlows[0].Reason = "host h1 cannot be reached and may still copy"
	current := desired.NewCurrent(leaving)
	read := func(document string) []*desired.Resource {
		t.Helper()
		want, err := desired.Read([]string{"-"}, strings.NewReader(document))
		require.NoError(t, err)
		return want
	}

	flow := read("{kind: tap_flow, name: web, direction: IN}")
	_, err := desired.Compare(current, flow, desired.Options{Set: "lab"})
	require.ErrorContains(t, err,
		`tap flow "web" is being deleted: host h1 cannot be reached and may `+
			`still copy: apply again once it is gone`)
	require.Equal(t, desired.Unchanged, desired.Deletions(current, flow)[0].Action)

	again := read("{kind: host, name: h1, ovsdb: 'tcp:192.0.2.1:6640'}")
	changes, err := desired.Compare(current, again, desired.Options{Set: "lab"})
	require.NoError(t, err)
	require.Equal(t, desired.Create, changes[0].Action, "a host that is created again is adopted")

	guest := read("{kind: guest, name: vm1}")
	changes, err = desired.Compare(current, guest, desired.Options{Set: "lab", Prune: true})
	require.NoError(t, err)
	require.Len(t, changes, 1, "what is being deleted is not deleted again")
	for _, e := range current.All {
		require.Equal(t, e.Kind != "guest", e.IsDeleting())
	}
}
