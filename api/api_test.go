package api_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
)

func TestPatchFields(t *testing.T) {
	for name, tc := range map[string]struct {
		patch api.TapFlowPatch
		want  string
	}{
		"left alone": {api.TapFlowPatch{}, `{}`},
		"set":        {api.TapFlowPatch{VLANID: api.Set(7)}, `{"vlan_id":7}`},
		"removed":    {api.TapFlowPatch{VLANID: api.Remove[int]()}, `{"vlan_id":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := json.Marshal(tc.patch)
			require.NoError(t, err)
			require.JSONEq(t, tc.want, string(data))
			var back api.TapFlowPatch
			require.NoError(t, json.Unmarshal(data, &back))
			require.Equal(t, tc.patch, back)
		})
	}
}

func TestEvents(t *testing.T) {
	for kind, object := range map[string]api.Object{
		"host":        api.Host{ID: "h"},
		"guest":       api.Guest{ID: "g"},
		"tap_service": api.TapService{ID: "s"},
		"tap_flow":    api.TapFlow{ID: "f", VLAN: "keep"},
	} {
		t.Run(kind, func(t *testing.T) {
			e := api.Event{Object: object}
			require.Equal(t, kind, e.Kind())
			data, err := json.Marshal(e)
			require.NoError(t, err)
			require.Contains(t, string(data), `{"kind":"`+kind+`","object":{`)
			var back api.Event
			require.NoError(t, json.Unmarshal(data, &back))
			require.Equal(t, e, back)
		})
	}
	for name, data := range map[string]string{
		"unknown kind": `{"kind":"cat","object":{}}`,
		"wrong object": `{"kind":"host","object":[]}`,
		"no object":    `{"kind":"host"}`,
		"no JSON":      `kind`,
	} {
		t.Run(name, func(t *testing.T) {
			var e api.Event
			require.Error(t, json.Unmarshal([]byte(data), &e))
			require.Nil(t, e.Object)
		})
	}
}
