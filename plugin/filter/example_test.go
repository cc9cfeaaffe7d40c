package filter_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/plugin/filter"
)

func ExampleCompile() {
	program, err := filter.Compile("ip6 and not icmp6")
	if err != nil {
		fmt.Println(err)
		return
	}

	flows := program.Flows(filter.Placement{Table: 2, Priority: 32000,
		Match: oxm.Match{oxm.Metadata(7)}, Accept: []action.Instruction{
			action.GotoTable{Table: 4}}})
	for i := range flows {
		fmt.Println(&flows[i])
	}
	// Output:
	// table=2,priority=32000,metadata=0x7,eth_type=0x86dd,nw_proto=58,cookie=0x0,actions=drop
	// table=2,priority=31999,metadata=0x7,eth_type=0x86dd,cookie=0x0,actions=goto_table:4
}

func ExampleError() {
	const expr = "tcp and greater 100"
	_, err := filter.Compile(expr)

	var at *filter.Error
	if errors.As(err, &at) {
		fmt.Println(expr)
		fmt.Println(strings.Repeat(" ", at.Offset) + strings.Repeat("^", at.Length))
		fmt.Println(at.Problem + ": " + at.Hint)
	}
	// Output:
	// tcp and greater 100
	//         ^^^^^^^
	// "greater" cannot be matched by Open vSwitch: lengths cannot be matched; snaplen cuts copies
}
