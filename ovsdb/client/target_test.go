package client_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb/client"
)

func TestParseTarget(t *testing.T) {
	for target, want := range map[string]client.Target{
		"tcp:192.0.2.1:6641":     {Network: "tcp", Address: "192.0.2.1:6641"},
		"tcp:192.0.2.1":          {Network: "tcp", Address: "192.0.2.1:6640"},
		"ssl:[2001:db8::1]:1":    {Network: "tcp", Address: "[2001:db8::1]:1", TLS: true},
		"tcp:[::1]":              {Network: "tcp", Address: "[::1]:6640"},
		"tcp:host.example:66":    {Network: "tcp", Address: "host.example:66"},
		"unix:/run/db.sock":      {Network: "unix", Address: "/run/db.sock"},
		"":                       {},
		"192.0.2.1:6640":         {},
		"tcp:":                   {},
		"tcp::6640":              {},
		"tcp:::1":                {},
		"tcp:[::1":               {},
		"tcp:[host]":             {},
		"tcp:2001:db8::1:6640":   {},
		"tcp:192.0.2.1:0":        {},
		"tcp:192.0.2.1:65536":    {},
		"tcp:192.0.2.1:ovsdb":    {},
		"unix:":                  {},
		"ptcp:6640":              {},
		"punix:/run/db.sock":     {},
		"http://192.0.2.1:6640/": {},
	} {
		got, err := client.ParseTarget(target)
		require.Equal(t, want, got, target)
		require.True(t, (err == nil) == (want != client.Target{}), target+": an error or a target")
	}
}
