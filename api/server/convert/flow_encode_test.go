package convert

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tapline-sdn/tapline/api"
)

// TestFlowsAsEncodingJSONWritesThem: whatever is in a tap flow, in whichever field.
func TestFlowsAsEncodingJSONWritesThem(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var f api.TapFlow
		fill(rt, reflect.ValueOf(&f).Elem())
		want, err := json.Marshal(f)
		require.NoError(rt, err)
		got, err := AppendFlow(nil, f)
		require.NoError(rt, err)
		assert.Equal(rt, string(want), string(got))
	})
}

// fill draws a value for every field, so that one that is added is not forgotten.
func fill(rt *rapid.T, v reflect.Value) {
	if at, is := v.Addr().Interface().(*time.Time); is {
		*at = time.Unix(rapid.Int64Range(0, 1<<33).Draw(rt, "s"),
			rapid.SampledFrom([]int64{0, 1, 1000, 999_999_999}).Draw(rt, "ns")).
			UTC()
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(rt, v.Field(i))
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(rt, "set") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(rt, v.Elem())
		}
	case reflect.String:
		v.SetString(
			rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "a", `"\<>&`, "\x7f",
				"\u2028", "\xff", "é"})).
				Draw(rt, "text"),
		)
	case reflect.Int:
		v.SetInt(rapid.Int64().Draw(rt, "int"))
	case reflect.Uint32:
		v.SetUint(uint64(rapid.Uint32().Draw(rt, "uint32")))
	case reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(rt, "uint"))
	case reflect.Float64:
		v.SetFloat(
			rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 0.1,
				1e21, 1 << 53, -7})).
				Draw(rt, "float"),
		)
	case reflect.Map:
		labels := rapid.MapOfN(rapid.String(), rapid.String(), 0, 3)
		v.Set(reflect.ValueOf(rapid.OneOf(labels, rapid.Just(map[string]string(nil))).
			Draw(rt, "map")))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(rt, "bool"))
	default:
		rt.Fatalf("a field of kind %v", v.Kind())
	}
}

func TestWhatHasNoJSON(t *testing.T) {
	for name, f := range map[string]api.TapFlow{
		"number":  {Counters: api.Counters{Captured: api.Flowing{BitsPerSecond: math.NaN()}}},
		"time":    {CreatedAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"pointer": {Counters: api.Counters{Delivered: &api.Flowing{PacketsPerSecond: math.Inf(1)}}},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := AppendFlow(nil, f)
			assert.Error(t, err)
			assert.Nil(t, b)
		})
	}
}
