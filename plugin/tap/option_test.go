package tap_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

func TestVLANAction(t *testing.T) {
	for _, test := range []struct {
		json string
		want tap.VLANAction
		text string
		out  string // as JSON
	}{
		{`"keep"`, tap.VLANKeep, "keep", `"keep"`},
		{`""`, tap.VLANKeep, "keep", `"keep"`},
		{`null`, tap.VLANKeep, "keep", `"keep"`},
		{`"strip"`, tap.VLANStrip, "strip", `"strip"`},
		{`"100"`, 100, "100", `100`},
		{`1`, 1, "1", `1`},
		{`4094`, 4094, "4094", `4094`},
	} {
		var got tap.VLANAction
		require.NoError(t, json.Unmarshal([]byte(test.json), &got), test.json)
		assert.Equal(t, test.want, got, test.json)
		assert.Equal(t, test.text, got.String())

		out, err := json.Marshal(got)
		require.NoError(t, err)
		assert.Equal(t, test.out, string(out))
	}

	for _, bad := range []string{`0`, `4095`, `-1`, `1.5`, `"0"`, `"push"`, `"65535"`, `true`,
		`{}`} {
		var got tap.VLANAction
		err := json.Unmarshal([]byte(bad), &got)
		assert.ErrorContains(t, err, "want keep, strip, or a VLAN id of 1 to 4094", bad)
		assert.Zero(t, got)
	}
}

func TestPush(t *testing.T) {
	for action, want := range map[tap.VLANAction]bool{
		tap.VLANKeep: false, tap.VLANStrip: false, 7: true,
	} {
		_, push := action.Push()
		assert.Equal(t, want, push, action)
	}
}

func TestOptionsInJSON(t *testing.T) {
	text, err := json.Marshal(tap.Flow{})
	require.NoError(t, err)
	for _, field := range []string{"filter", "snaplen", "sample", `"vlan"`} {
		assert.NotContains(t, string(text), field)
	}

	f := tap.Flow{VLAN: 30, Options: tap.Options{
		Filter: "tcp port 443", Snaplen: 128, Sample: 16, Tag: 100,
	}}
	text, err = json.Marshal(f)
	require.NoError(t, err)
	assert.Contains(t, string(text),
		`"filter":"tcp port 443","snaplen":128,"sample":16,"vlan":100`)
	assert.Contains(t, string(text), `"vlan_id":30`)

	var again tap.Flow
	require.NoError(t, json.Unmarshal(text, &again))
	assert.Equal(t, f, again)
}

func TestNormalizedOptions(t *testing.T) {
	assert.Equal(t, tap.Options{}, tap.Options{Sample: 1}.Normalized())
	assert.Equal(t, tap.Options{Sample: 2}, tap.Options{Sample: 2}.Normalized())
}

func TestRateLimit(t *testing.T) {
	for _, test := range []struct {
		give, text string
		want       tap.RateLimit
	}{
		{"", "", tap.RateLimit{}},
		{"10Mbit/s", "10Mbit/s", tap.RateLimit{Bits: 10_000_000}},
		{"1500 Kbit/s", "1500kbit/s", tap.RateLimit{Bits: 1_500_000}},
		{"1000kbit/s", "1Mbit/s", tap.RateLimit{Bits: 1_000_000}},
		{"64999bit/s", "64kbit/s", tap.RateLimit{Bits: 64_000}},
		{"40Gbit/s", "40Gbit/s", tap.RateLimit{Bits: 40_000_000_000}},
		{"2000pps", "2000pps", tap.RateLimit{Packets: 2000}},
		{"2kpps", "2000pps", tap.RateLimit{Packets: 2000}},
		{"1pps", "1pps", tap.RateLimit{Packets: 1}},
	} {
		got, err := tap.ParseRateLimit(test.give)
		require.NoError(t, err, test.give)
		assert.Equal(t, test.want, got, test.give)
		assert.Equal(t, test.text, got.String(), test.give)

		again, err := tap.ParseRateLimit(got.String())
		require.NoError(t, err)
		assert.Equal(t, got, again)
	}

	for _, bad := range []string{"10", "0pps", "0Mbit/s", "999bit/s", "-1pps", "1.5Mbit/s", "pps",
		"10MB/s", "4294967296pps", "99999999999999999999pps", "18446744073709551615Gbit/s",
		"5000Gbit/s"} {
		_, err := tap.ParseRateLimit(bad)
		assert.ErrorContains(t, err, "want ", bad)
	}
}

func TestRateLimitInJSON(t *testing.T) {
	text, err := json.Marshal(tap.Service{})
	require.NoError(t, err)
	assert.NotContains(t, string(text), "rate_limit")

	s := tap.Service{RateLimit: tap.RateLimit{Packets: 2000}}
	text, err = json.Marshal(s)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"rate_limit":"2000pps"`)

	var again tap.Service
	require.NoError(t, json.Unmarshal(text, &again))
	assert.Equal(t, s, again)
}
