package tap_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

func TestParseMAC(t *testing.T) {
	for _, test := range []struct {
		give, want string
		bad        bool
	}{
		{give: "", want: ""},
		{give: "52:54:00:12:34:56", want: "52:54:00:12:34:56"},
		{give: "52-54-00-AB-cd-EF", want: "52:54:00:ab:cd:ef"},
		{give: "00:00:00:00:00:00", want: ""},
		{give: "52:54:00:12:34", bad: true},
		{give: "52:54:00:12:34:56:78", bad: true},
		{give: "525400123456", bad: true},
		{give: "5254.0012.3456", bad: true},
		{give: "52:54:00:12:34:5g", bad: true},
		{give: " 52:54:00:12:34:56", bad: true},
	} {
		got, err := tap.ParseMAC(test.give)
		if test.bad {
			assert.Error(t, err, "%q is taken for %v", test.give, got)
			assert.True(t, got.IsZero())
			continue
		}
		require.NoError(t, err, "%q", test.give)
		assert.Equal(t, test.want, got.String())
	}
}

func TestMACInJSON(t *testing.T) {
	var s tap.Service
	require.NoError(t, json.Unmarshal([]byte(`{"mac_addr": "52-54-00-12-34-56"}`), &s))
	text, err := json.Marshal(s)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"mac_addr":"52:54:00:12:34:56"`)
	assert.Error(t, json.Unmarshal([]byte(`{"mac_addr": "eth0"}`), &s))

	text, err = json.Marshal(tap.Flow{})
	require.NoError(t, err)
	assert.NotContains(t, string(text), "mac_addr", "a flow without an address shows none")
}

func TestMulticast(t *testing.T) {
	for text, want := range map[string]bool{"52:54:00:12:34:56": false, "01:00:5e:00:00:01": true,
		"ff:ff:ff:ff:ff:ff": true} {
		m, err := tap.ParseMAC(text)
		require.NoError(t, err)
		assert.Equal(t, want, m.IsMulticast(), text)
	}
}

func TestParseDirection(t *testing.T) {
	for give, want := range map[string]tap.Direction{"": tap.Both, "IN": tap.In, "in": tap.In,
		"Out": tap.Out, "BOTH": tap.Both} {
		got, err := tap.ParseDirection(give)
		require.NoError(t, err, give)
		assert.Equal(t, want, got, give)
	}
	for _, bad := range []string{"ingress", " IN", "IN,OUT"} {
		_, err := tap.ParseDirection(bad)
		assert.ErrorContains(t, err, "want IN, OUT or BOTH", bad)
	}
}

func TestRejectionText(t *testing.T) {
	assert.EqualError(t, &tap.Rejection{Message: "no"}, "no")
	assert.EqualError(t, &tap.Rejection{Field: "vlan_id", Message: "no"}, "vlan_id: no")
}

func FuzzParseMAC(f *testing.F) {
	for _, seed := range []string{"", "52:54:00:12:34:56", "52-54-00-AB-cd-EF", "525400123456"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := tap.ParseMAC(text)
		if err != nil {
			if !m.IsZero() {
				t.Fatalf("%q: %v and %v", text, m, err)
			}
			return
		}

		if again, err := tap.ParseMAC(m.String()); err != nil || again != m {
			t.Fatalf("%q: %v becomes %v, %v", text, m, again, err)
		}
	})
}

func TestParseMACWantsSeparatorsInPlace(t *testing.T) {
	for _, wrong := range []string{"5:254:00:12:34:56", "52540012345600000", "52:54:00:12:34",
		"52:54:00:12:34:5", "52:54:00:12:34:56:", "52:54:00:12:34:567", "g2:54:00:12:34:56"} {
		if m, err := tap.ParseMAC(wrong); err == nil || !m.IsZero() {
			t.Errorf("ParseMAC(%q) = %v, %v", wrong, m, err)
		}
	}
	for _, right := range []string{"52:54:00:12:34:56", "52-54-00-12-34-56", "52:54:00:12:34:5A"} {
		if m, err := tap.ParseMAC(right); err != nil || m[0] != 0x52 {
			t.Errorf("ParseMAC(%q) = %v, %v", right, m, err)
		}
	}
}
