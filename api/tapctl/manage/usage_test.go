package manage_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

func TestWrongCommandLines(t *testing.T) {
	d := tapctltest.New(t)
	d.Furnish()
	services, flows := d.Engine.Services(), d.Engine.Flows()

	const flow = "tap-flow-create --type vswitch --host-id h1 --wire-id net0 --tap-id ids f "
	const host = "host-create h --ovsdb tcp:192.0.2.9:6640 "
	for line, tc := range map[string]struct {
		code int
		want string
	}{
		"tap-flow-lst":               {2, `unknown command "tap-flow-lst"`},
		"tap-flow-list --colour red": {2, "there is no flag --colour\n"},
		"tap-flow-list all":          {2, `"all" is too much: the command takes no arguments`},
		"tap-flow-list -o xml": {2,
			`--output: "xml" is not known: want table, wide, csv, json, yaml, id or name`},
		"tap-flow-list --columns name,colour": {2,
			`--columns: there is no column "colour": want some of NAME, TYPE`},

		"tap-flow-show":                    {2, "the ID is missing"},
		"tap-flow-show wbe":                {1, `did you mean tap flow "web"?`},
		"tap-flow-show entirely-different": {1, "next: the list commands"},
		"tap-flow-delete":                  {2, "the ID is missing"},
		"tap-flow-enable":                  {2, "the ID is missing: want one or more, or --all"},
		"tap-flow-enable web --all":        {2, "--all is given together with ids"},

		"tap-flow-create f": {2, "--tap-id and --type are missing"},
		"tap-flow-update web": {2,
			"there is nothing to change: want some of --name, --tap-id"},
		"tap-flow-update web --wait 10": {2,
			`--wait: "10" is not accepted: want a duration such as 10s or 1m30s`},
		"tap-flow-update web --vlan-id 0": {1, "want a VLAN id 1..4094"},
		flow + "--vlan-id abc": {2,
			`--vlan-id "abc" is not a number: want a VLAN id 1..4094`},
		flow + "--vlan-id 4095": {1, "vlan_id: 4095 is not accepted: want a VLAN id 1..4094"},
		flow + "--vlan-id 0":    {1, "vlan_id: 0 is not accepted: want a VLAN id 1..4094"},
		flow + "--vlan-id -1":   {1, "want a VLAN id 1..4094"},
		flow + "--vlan-id=":     {2, "--vlan-id is given but empty"},
		flow + "--direction sideways": {1,
			`direction: "SIDEWAYS" is not accepted: want one of IN, OUT, BOTH`},
		flow + "--mac-addr zz": {1, "mac_addr: \"zz\" is not accepted: want six octets"},
		flow + "--wait 6m":     {1, "a duration from 0s to 5m"},
		flow + "--wait -1s":    {1, "a duration from 0s to 5m"},
		"tap-flow-create --type vnic --guest-id vm1 --tap-id ids --mac-addr= web": {2,
			"--mac-addr is given but empty"},

		"guest-create g --nic ip=10.0.0.1": {2, "has no mac"},
		"guest-create g --nic mac":         {2, "is malformed"},
		"guest-create g --nic mac=52:54:00:00:00:01,vlan=1": {2,
			`"vlan" is not known`},
		"guest-create g --nic mac=52:54:00:00:00:01,mac=52:54:00:00:00:02": {2, "given twice"},

		host + "--wire net0":                                     {2, "want WIRE=BRIDGE"},
		host + "--wire net0=":                                    {2, "want WIRE=BRIDGE"},
		host + "--wire a=b --wire a=c":                           {2, "given twice"},
		host + "--facts /nonexistent":                            {1, "run host-facts"},
		"host-create h --ovsdb 192.0.2.9":                        {1, "tcp:IP:PORT"},
		"host-update h1 --tunnel-ip 192.0.2.1 --learn-tunnel-ip": {2, "none of the others can be"},
		"wire-update net0 --bridge h9=br0":                       {1, `there is no host "h9"`},

		"tap-service-create --type vm --target-id vm1 s": {1, "want one of guest, host"},
		"tap-service-create --type guest --target-id vm7 s": {1,
			`target_id: there is no guest "vm7"`},
		"tap-service-delete ids": {1, "next: look at what it conflicts with"},
	} {
		t.Run(line, func(t *testing.T) {
			stderr := d.With(t).Fails(tc.code, line)
			require.Contains(t, stderr, tc.want)
			require.Contains(t, stderr, "next: ")
			require.Equal(t, services, d.Engine.Services(), "nothing may have changed")
			require.Equal(t, flows, d.Engine.Flows(), "nothing may have changed")
		})
	}

	t.Run("an empty argument", func(t *testing.T) {
		require.Contains(t, d.With(t).Fails(2, "tap-flow-delete", ""), "argument 1 is empty")
	})
}
