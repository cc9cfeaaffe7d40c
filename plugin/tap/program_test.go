package tap_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// TestEqual gives each field in turn another value: none may be forgotten.
func TestEqual(t *testing.T) {
	eachField(t, (*tap.Port).Equal)
	eachField(t, (*tap.Mirror).Equal)
	eachField(t, (*tap.FlowEntry).Equal)
	eachField(t, (*tap.Program).Equal)
	eachField(t, (*openflow.FlowMod).Equal)
}

func eachField[T any](t *testing.T, equal func(a, b *T) bool) {
	t.Helper()
	kind := reflect.TypeFor[T]()
	assert.True(t, equal(new(T), new(T)), "%v", kind)
	for i := range kind.NumField() {
		a, b := new(T), new(T)
		other := reflect.New(kind.Field(i).Type).Elem()
		change(other)
		reflect.ValueOf(b).Elem().Field(i).Set(other)
		assert.False(t, equal(a, b), "%v: %s differs", kind, kind.Field(i).Name)
		assert.True(t, equal(b, b), "%v: %s", kind, kind.Field(i).Name)
	}
}

// change makes something else of a zero value.
func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("x")
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), reflect.ValueOf("value"))
	case reflect.Struct:
		change(v.Field(0))
	default:
		panic("no other value of " + v.Type().String())
	}
}
