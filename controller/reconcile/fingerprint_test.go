package reconcile

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestFingerprintsOfFields: whatever field of an object changes, its fingerprint does.
func TestFingerprintsOfFields(t *testing.T) {
	everyField(t, (*fingerprinter).port)
	everyField(t, (*fingerprinter).mirror)
	everyField(t, (*fingerprinter).bridge)
}

func everyField[T any](t *testing.T, fingerprint func(*fingerprinter, *T) uint64) {
	t.Helper()
	of := func(o *T) uint64 { return fingerprint(new(fingerprinter), o) }
	for _, field := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		var o T
		value := reflect.ValueOf(&o).Elem().FieldByIndex(field.Index)
		switch value.Interface().(type) {
		case string:
			value.SetString("x")
		case bool:
			value.SetBool(true)
		case uint32:
			value.SetUint(1)
		case []string:
			value.Set(reflect.ValueOf([]string{""}))
		case []uint16:
			value.Set(reflect.ValueOf([]uint16{0}))
		case map[string]string:
			value.Set(reflect.ValueOf(map[string]string{"": ""}))
		default:
			require.Fail(t, "a field of a type that is left out of the fingerprint", "%T.%s", o,
				field.Name)
		}

		assert.NotEqual(t, of(new(T)), of(&o), "%T.%s", o, field.Name)
	}
}

// TestFingerprintsOfAll: those of all flows and of all rows are of these alone, and of what is left
// alone, and know whose they are.
func TestFingerprintsOfAll(t *testing.T) {
	bridge := tap.TapBridge{Name: "brtap", FailMode: "secure", Protocols: []string{"OpenFlow13"}}
	nic := func(owner, name string) []tap.Port {
		return []tap.Port{{Owner: owner, Bridge: "brtap", Name: name, Plugged: true}}
	}

	flow := func(owner string, cookie openflow.Cookie) []tap.FlowEntry {
		return []tap.FlowEntry{{Owner: owner, Mod: openflow.FlowMod{Cookie: cookie, Priority: 1}}}
	}

	of := func(p tap.Program) *Desired {
		p.Bridge = bridge
		d, err := NewDesired(&p, "brtap")
		require.NoError(t, err)
		return d
	}

	before := tap.Program{Ports: nic("a", "tap0"), Flows: flow("a", 1)}
	for name, tc := range map[string]struct {
		now                 tap.Program
		flows, places, rows bool // are others
	}{
		"the same": {now: tap.Program{Ports: nic("a", "tap0"), Flows: flow("a", 1)}},
		"another flow": {now: tap.Program{Ports: nic("a", "tap0"), Flows: flow("a", 2)},
			flows: true},
		"somebody's flow": {now: tap.Program{Ports: nic("a", "tap0"), Flows: flow("b", 1)},
			flows: true},
		"no flow": {now: tap.Program{Ports: nic("a", "tap0")}, flows: true},
		"another port": {now: tap.Program{Ports: nic("a", "tap1"), Flows: flow("a", 1)},
			places: true, rows: true},
		"somebody's port": {now: tap.Program{Ports: nic("b", "tap0"), Flows: flow("a", 1)},
			places: true, rows: true},
		"somebody held": {now: tap.Program{Ports: nic("a", "tap0"), Flows: flow("a", 1),
			Held: []tap.Hold{{Owner: "b", Cookie: 2}}}, flows: true, places: true, rows: true},
		"neither port flow": {now: tap.Program{}, flows: true, places: true, rows: true},
	} {
		was, is := of(before), of(tc.now)
		assert.Equal(t, tc.flows, was.FlowsFingerprint != is.FlowsFingerprint, "%s: flows", name)
		assert.Equal(t, tc.places, was.portsFingerprint != is.portsFingerprint, "%s: places", name)
		assert.Equal(t, tc.rows, was.rowsFingerprint != is.rowsFingerprint, "%s: rows", name)
		next, err := was.Next(is.Program, "brtap")
		require.NoError(t, err)
		assert.Equal(t, is, next, "%s: after another program", name)
	}
}
