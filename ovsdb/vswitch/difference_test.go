package vswitch

import (
	"reflect"
	"testing"
)

func TestDifferences(t *testing.T) {
	port := UUID{1}
	inserted := placeholder(0)
	for name, c := range map[string]struct {
		got  []Difference
		want []Difference
	}{
		"the same":   {Differences(&Port{Name: "p"}, &Port{Name: "p"}), nil},
		"status":     {Differences(&Interface{OFPort: 1}, &Interface{OFPort: 2}), nil},
		"references": {Differences(&Bridge{Ports: []UUID{port}}, &Bridge{}), nil},
		"text": {Differences(&Bridge{FailMode: "secure"}, &Bridge{}),
			[]Difference{{"fail_mode", `"secure"`, `""`}}},
		"number": {Differences(&Port{Tag: new(3)}, &Port{}), []Difference{{"tag", "3", "[]"}}},
		"set": {Differences(&Port{Trunks: []int{1, 2}}, &Port{}),
			[]Difference{{"trunks", "[1 2]", "[]"}}},
		"map": {Differences(&Interface{Options: PairsOf(map[string]string{"key": "flow"})},
			&Interface{}), []Difference{{"options", `map["key":"flow"]`, "map[]"}}},
		"reference": {Differences(&Mirror{OutputPort: &port}, &Mirror{OutputPort: &inserted}),
			[]Difference{{"output_port", port.String(), "a new row"}}},
		"two columns": {Differences(&Controller{Target: "a", MaxBackoff: 1},
			&Controller{Target: "b"}),
			[]Difference{{"target", `"a"`, `"b"`}, {"max_backoff", "1", "0"}}},
		"system": {Differences(&OpenVSwitch{ExternalIDs: PairsOf(map[string]string{"a": "b"})},
			&OpenVSwitch{}), []Difference{{"external_ids", `map["a":"b"]`, "map[]"}}},
		"manager": {Differences(&Manager{Target: "a"}, &Manager{}),
			[]Difference{{"target", `"a"`, `""`}}},
	} {
		t.Run(name, func(t *testing.T) {
			if !reflect.DeepEqual(c.got, c.want) {
				t.Errorf("got %v, want %v", c.got, c.want)
			}
		})
	}
}
