package inventory

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/inventory/switchtest"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestObserveLabels: the chosen external_ids become labels, under keys that a selector can name.
func TestObserveLabels(t *testing.T) {
	observer := observing
	observer.Keys.Labels = []string{"pod_namespace", "neutron:device_id", "absent", "bad", "long"}
	port := switchtest.GuestPort("vnet0", 3, map[string]string{
		"vm-id": "g", "pod_namespace": "default", "neutron:device_id": "d|1", "other": "x",
		"bad": "a,b", "long": strings.Repeat("x", 129),
	})
	seen := observer.Observe(&store.Host{ID: "h1"}, store.Learned{},
		switchtest.Snapshot(t, nil, switchtest.Bridge{Name: "br0",
			Ports: []switchtest.Port{port}}), nobody)
	require.Len(t, seen.Ports, 1)
	assert.Equal(t, "neutron.device_id=d|1,pod_namespace=default", seen.Ports[0].Labels)
}

// TestLabels: a declared label beats one that a port shows; where both agree, both are sources.
func TestLabels(t *testing.T) {
	mac := tap.MAC{0x52, 0x54, 0, 0, 0, 1}
	x := NewPlaces(allHosts{})
	x.ReplacePorts(nil, []*Port{
		{Host: "h1", Bridge: "br0", Name: "vnet0", Guest: "g", MAC: mac,
			Labels: "app=web,env=prod"},
		{Host: "h2", Bridge: "br0", Name: "vnet0", Guest: "g", MAC: mac, Labels: "app=db,tier=1"},
		{Host: "h2", Bridge: "br0", Name: "vnet1", Guest: "other", Labels: "no=1"},
	}, func(Port) {})

	learned, _ := x.Guest("g", nil)
	assert.Equal(t, []Label{
		{"app", "web", []Source{FromOVSDB}}, {"env", "prod", []Source{FromOVSDB}},
		{"tier", "1", []Source{FromOVSDB}},
	}, x.Labels(&learned, nil))

	record := &store.Guest{NICs: []store.GuestNIC{{MAC: mac}}, Notes: store.Notes{
		Labels: map[string]string{"app": "mine", "env": "prod", "own": "x"},
	}}
	declared, _ := x.Guest("g2", record)
	assert.Equal(t, []Label{
		{"app", "mine", []Source{FromDeclared}},
		{"env", "prod", []Source{FromDeclared, FromOVSDB}},
		{"own", "x", []Source{FromDeclared}}, {"tier", "1", []Source{FromOVSDB}},
	}, x.Labels(&declared, record))
}
