package filter_test

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin/filter"
)

// parsed are expressions, and what they are in full.
var parsed = []struct{ expr, full string }{
	{"", ""},
	{"  tcp ", "tcp"},
	{"tcp port http", "tcp port 80"},
	{"port http", "tcp port 80"},
	{"port domain", "port 53"},
	{"udp port domain", "udp port 53"},
	{"portrange ftp-ssh", "tcp portrange 21-22"},
	{"portrange 90-80", "portrange 80-90"},
	{"portrange 80", "port 80"},
	{"port 0x50", "port 80"},
	{"port 0120", "port 80"},
	{"port 80 or 443", "port 80 or port 443"},
	{"tcp dst port 80 or 443 and not 22",
		"(tcp dst port 80 or tcp dst port 443) and not tcp dst port 22"},
	{"port (80 or 443) and tcp", "(port 80 or port 443) and tcp"},
	{"src host 10.0.0.1 or 10.0.0.2", "src host 10.0.0.1 or src host 10.0.0.2"},
	{"dst 10.1", "dst net 10.1.0.0/16"},
	{"host 10.1", "net 10.1.0.0/16"},
	{"host 10", "host 0.0.0.10"},
	{"net 10", "net 10.0.0.0/8"},
	{"net 10/8 or 192.168/16", "net 10.0.0.0/8 or net 192.168.0.0/16"},
	{"net 10.0.0.0 mask 255.0.0.0", "net 10.0.0.0/8"},
	{"net 10.0.0.1 mask 255.0.0.255", "net 10.0.0.1 mask 255.0.0.255"},
	{"src or dst 10.0.0.1", "host 10.0.0.1"},
	{"dst and src host 10.0.0.1", "src and dst host 10.0.0.1"},
	{"host 2001:DB8::1", "ip6 host 2001:db8::1"},
	{"ip6 dst net 2001:db8::/32", "ip6 dst net 2001:db8::/32"},
	{"arp net 10", "arp net 10.0.0.0/8"},
	{"link host 52-54-0-0-0-1", "ether host 52:54:00:00:00:01"},
	{"ether src 5254.0000.0001", "ether src 52:54:00:00:00:01"},
	{"broadcast or multicast", "ether dst ff:ff:ff:ff:ff:ff or ether multicast"},
	{"ip multicast", "ip dst net 224.0.0.0/3"},
	{"ip6 multicast", "ip6 dst net ff00::/8"},
	{`ip proto \tcp or udp`, "ip proto 6 or udp"},
	{"proto gre", "gre"},
	{"proto 6", "tcp"},
	{"ip proto 1", "icmp"},
	{`ether proto \arp`, "arp"},
	{"ether proto 0x88B5", "ether proto 0x88b5"},
	{"vlan 30 && tcp || !udp", "(vlan 30 and tcp) or not udp"},
	{"ip or tcp and udp or icmp", "((ip or tcp) and udp) or icmp"},
	{"not tcp and udp", "not tcp and udp"},
	{"not (tcp and udp)", "not (tcp and udp)"},
	{"not not tcp", "not not tcp"},
	{"tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", "tcp[13] & 0x12 = 2"},
	{"tcp-syn == tcp[13]", "tcp[13] = 2"},
	{"8 > icmp[0]", "icmp[0] < 8"},
	{"(tcp[13] & 2) != 0", "tcp[13] & 0x02 != 0"},
	{"tcp[10+3:1] & 0xff & 2 != 2 - 2", "tcp[13] & 0x02 != 0"},
	{"icmp6[icmp6type] = icmp6-neighborsolicit", "icmp6[0] = 135"},
}

func TestParse(t *testing.T) {
	for _, test := range parsed {
		t.Run(test.expr, func(t *testing.T) {
			e, err := filter.Parse(test.expr)
			require.NoError(t, err)
			assert.Equal(t, test.full, e.String())

			again, err := filter.Parse(e.String())
			require.NoError(t, err)
			assert.True(t, e.Equal(again), "%v is printed as another expression", e)
		})
	}
}

// refused are expressions, the place of the error in carets, and what the error says.
var refused = []struct{ expr, at, problem string }{
	{"port 80 and", "           ", "ends where"},
	{"tcp port htp", "         ^^^", "not a known port"},
	{"udp port http", "         ^^^^", "not a port of udp"},
	{"port 80-90", "     ^^^^^", "not a known port"},
	{"host example.com", "     ^^^^^^^^^^^", "not resolved"},
	{"port 70000", "     ^^^^^", "does not exist"},
	{"portrange 1-70000", "            ^^^^^", "does not exist"},
	{"vlan 5000", "     ^^^^", "does not exist"},
	{"net 10.0.0.1/8", "    ^^^^^^^^^^", "outside the network"},
	{"net 10.0.0.0/33", "             ^^", "too large"},
	{"net 2001:db8::1/32", "    ^^^^^^^^^^^^^^", "outside the network"},
	{"host 10.0.0.0/8", "             ^", "needs the qualifier net"},
	{"10.0.0.1", "^^^^^^^^", "want a condition"},
	{"tcp or 80", "       ^^", "no qualifier"},
	{"tcp host 10.0.0.1", "^^^^^^^^", "do not go together"},
	{"ip host ::1", "        ^^^", "does not go with ip"},
	{"host 10.0.0.300", "     ^^^^^^^^^^", "not an IPv4 address"},
	{"host 1:2:3", "     ^^^^^", "neither an IPv6 nor an Ethernet address"},
	{"host 52:54:00:00:00:01", "     ^^^^^^^^^^^^^^^^^", "needs the qualifier ether"},
	{"greater 100", "^^^^^^^", "cannot be matched"},
	{"tcp and len > 100", "        ^^^", "cannot be matched"},
	{"inbound", "^^^^^^^", "cannot be matched"},
	{"ip broadcast", "^^^^^^^^^^^^", "netmask"},
	{"tcp[0:4] = 0x47455420", "^^^^^^^^", "cannot match these octets"},
	{"tcp[(tcp[12] >> 4) * 4] = 1", "     ^^^^^^^^^^^^", "cannot calculate"},
	{"tcp[13] + 1 = 2", "^^^^^^^^^^^", "cannot calculate"},
	{"tcp[13] = tcp[13]", "^^^^^^^^^^^^^^^^^", "two parts"},
	{"1 = 1", "^^^^^", "two numbers"},
	{"tcp[13]", "       ", "comparison"},
	{"tcp[13] = 1 / 0", "          ^^^^^", "division by zero"},
	{"tcp )", "    ^", "unexpected"},
	{"(tcp", "    ", "ends where )"},
	{"tcp udp", "    ^^^", "unexpected"},
	{"ether proto 0x42", "            ^^^^", "LLC"},
	{"ether proto foo", "            ^^^", "not an Ethernet type"},
	{"ip proto 300", "         ^^^", "does not exist"},
	{"proto foo", "      ^^^", "not a known protocol"},
	{"ah", "^^", "skips this extension header"},
	{"ip6 proto 0", "^^^^^^^^^^^", "skips this extension header"},
	{"src proto 6", "^^^^^^^^^", "do not go together"},
	{"vlan 1 and vlan 2", "           ^^^^^^", "outer VLAN tag"},
	{"tcp ä", "    ^^", "unexpected character"},
	{"foo", "^^^", "neither a keyword"},
}

func TestErrors(t *testing.T) {
	for _, test := range refused {
		t.Run(test.expr, func(t *testing.T) {
			_, err := filter.Compile(test.expr)
			var at *filter.Error
			require.True(t, errors.As(err, &at), "the error is %v", err)
			assert.Equal(t, test.at, strings.Repeat(" ", at.Offset)+strings.Repeat("^", at.Length))
			assert.Contains(t, at.Problem, test.problem)
		})
	}
}

// TestTooManyFlows checks that the error points at the part that needs too many flows.
func TestTooManyFlows(t *testing.T) {
	ports := "port 1"
	for port := 3; port < 60; port += 2 {
		ports += " or " + strconv.Itoa(port)
	}

	const before, after = "not host 10.0.0.1 and (", ") and not arp"
	_, err := filter.Compile(before + ports + after)
	var at *filter.Error
	require.True(t, errors.As(err, &at), "the error is %v", err)
	assert.Equal(t, len(before), at.Offset)
	assert.Equal(t, len(ports), at.Length)
	assert.Equal(t, "this needs 364 flows, and 256 are possible", at.Problem)
	assert.NotEmpty(t, at.Hint)

	program, err := filter.Compile("tcp and src host 10.0.0.1 and (" + ports + ")")
	require.NoError(t, err)
	assert.Less(t, program.Len(), 100)
}

// TestBounds checks that no text can cost much.
func TestBounds(t *testing.T) {
	for name, expr := range map[string]string{
		"length":      strings.Repeat("tcp or ", 5000) + "tcp",
		"parentheses": strings.Repeat("(", 5000) + "tcp" + strings.Repeat(")", 5000),
		"negations":   strings.Repeat("not ", 3000) + "tcp",
		"ids":         "port " + strings.Repeat("(", 5000) + "1",
		"numbers":     "tcp[13] = " + strings.Repeat("(", 5000) + "1",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := filter.Compile(expr)
			var at *filter.Error
			require.True(t, errors.As(err, &at), "the error is %v", err)
		})
	}
}

// TestLargeExpressions checks that expressions of hundreds of terms are compiled, or refused, in a
// moment.
func TestLargeExpressions(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		expr := randomExpression(r, 20+r.IntN(300), true).String()
		start := time.Now()
		_, err := filter.Compile(expr)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%v for an expression of %d octets, with %v", took, len(expr), err)
		}
	}
}
