package selector

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func addrs(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func TestMatches(t *testing.T) {
	guest := &Guest{Name: "web-1", Labels: map[string]string{
		"app": "db", "env": "prod", "a/b.c": "x=y", "odd": "a|b", "empty": "",
	}}
	nic := &NIC{
		Addrs: addrs("10.0.0.7", "2001:db8::7"), Hosts: []string{"host1"},
		Wires: []string{"net0", "br0"}, Switches: []string{"blue"}, Groups: []string{"pg1", "pg2"},
	}

	for text, want := range map[string]bool{
		"":                               true,
		"label.app=db":                   true,
		"label.app=web":                  false,
		"label.app=web|db":               true,
		"label.app!=web|db":              false,
		"label.app!=web|cache":           true,
		"label.app=d*":                   false, // Labels are no patterns.
		"label.none!=x":                  true,
		"label.none=":                    false,
		"label.empty=":                   true,
		"label.app":                      true,
		"label.none":                     false,
		"!label.none":                    true,
		"!label.app":                     false,
		"label.a/b.c=x=y":                true,
		`label.odd=a\|b`:                 true,
		"label.odd=a|b":                  false,
		"name=web-*":                     true,
		"name=db-*|web-?":                true,
		"name!=web-*":                    false,
		`name=web\-1`:                    true,
		"name=web-1,!label.env,name=web": false,
		"wire=net0":                      true,
		"wire=br0":                       true,
		"wire!=net0":                     false,
		"wire=net1|net*":                 true,
		"host=host1":                     true,
		"host=host[2-9]":                 false,
		"net=10.0.0.0/24":                true,
		"net=10.0.1.0/24":                false,
		"net=10.0.0.7":                   true,
		"net!=10.0.0.0/8":                false,
		"net=192.0.2.0/24|2001:db8::/32": true,
		"ls=blue,pg=pg2":                 true,
		"pg=pg3":                         false,
		" name = web-1 , wire != net9 ":  true,
	} {
		s, err := Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, s.Matches(guest, nic), text)
	}
}

// TestNothingKnown: what is not known is not equal to anything.
func TestNothingKnown(t *testing.T) {
	for text, want := range map[string]bool{
		"net=0.0.0.0/0": false, "net!=10.0.0.0/8": true, "wire=*": false, "host!=h": true,
		"ls=*": false, "label.x": false,
	} {
		s, err := Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, s.Matches(&Guest{Name: "g"}, &NIC{}), text)
	}
}

// TestErrors: an error says what is wrong, where, and what would be right.
func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"app=db":                         `at character 1: "app=db" is not a term: want label.`,
		"label.app=db,":                  "at character 14: a term is missing",
		"label.ä=1":                      `at character 7: "ä" is not the key of a label: want`,
		"label.x=ä,env":                  `at character 11: "env" is not a term`,
		"label.=1":                       `at character 7: "" is not the key of a label`,
		"name":                           `at character 1: "name" is not a term`,
		"name=":                          "at character 6: a value is missing",
		"name=a|":                        "at character 8: a value is missing",
		"name=[a":                        `at character 6: "[a" is not a pattern`,
		"name=ok|[a":                     `at character 9: "[a" is not a pattern`,
		"label.a b=1":                    `at character 7: "a b" is not the key of a label`,
		"net=10.0.0.1/24":                "bits beyond its prefix: the network is 10.0.0.0/24",
		"wire=x,net=10.0.0/8":            `at character 12: "10.0.0/8" is not a network: want`,
		"net=::ffff:10.0.0.0/104":        "is not a network",
		"net=fe80::1%eth0":               "is not a network",
		"net=":                           `at character 5: "" is not a network`,
		"name==x,!":                      `at character 9: "!" is not a term`,
		"\xff":                           "it is not UTF-8",
		strings.Repeat("a", MaxLength+1): "at most 2048 are read",
		strings.Repeat("name=a,", MaxTerms) + "name=a": "more than 32 terms",
		"name=a" + strings.Repeat("|a", MaxValues):     "more than 64 values",
	} {
		s, err := Parse(text)
		require.ErrorContains(t, err, want, text)
		assert.Empty(t, s.Terms(), text)
	}
}

// TestRows: rows of lists have no NICs, and an error says so.
func TestRows(t *testing.T) {
	_, err := ParseRows("name=x,net=10.0.0.0/8")
	require.ErrorContains(t, err, `at character 8: "net" is a field of guests' NICs alone`)

	s, err := ParseRows("name=x|y,label.a")
	require.NoError(t, err)
	assert.True(t, s.MatchesGuest(&Guest{Name: "y", Labels: map[string]string{"a": ""}}))
	assert.False(t, s.MatchesGuest(&Guest{Name: "z", Labels: map[string]string{"a": ""}}))
}

// FuzzParse: a fault lies inside the text; and what is read means the same once it is written.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "name=web-*,label.app=db,wire=net0,net=10.0.0.0/24", "!label.x, label.y!=a|b",
		`label.odd=a\|b|\c`, `name=\|a|[\]a]`, "pg!=a|b,ls=x,host=h?", "net=::1|10.0.0.1",
		"label.a=x=y", "name=a,,", "=", "!=", `label.a=\`,
	} {
		f.Add(seed)
	}
	guest := &Guest{Name: "web-1", Labels: map[string]string{"app": "db", "odd": "a|b"}}
	nic := &NIC{Addrs: addrs("10.0.0.7"), Wires: []string{"net0"}, Hosts: []string{"host1"}}

	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			var place *Error
			require.ErrorAs(t, err, &place)
			require.GreaterOrEqual(t, place.Offset, 0)
			require.LessOrEqual(t, place.Offset+place.Length, len(text))
			return
		}

		again, err := Parse(s.String())
		require.NoError(t, err, "%q is written as %q", text, s.String())
		require.Equal(t, s, again, "%q is written as %q", text, s.String())
		require.Equal(t, s.Matches(guest, nic), again.Matches(guest, nic))
		if rows, err := ParseRows(text); err == nil {
			require.Equal(t, s, rows)
		}
	})
}
