package filter_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// expression is a random expression, whose terms about VLAN tags can be replaced.
type expression struct {
	operator string // "and", "or", "not", or "" for a term
	spelling string // of the operator
	operands []*expression
	text     string // of a term
	vlan     int    // of a term about tags: the VLAN, or -1 for any
	isVLAN   bool
}

// randomExpression makes an expression of at most n terms, with terms about tags or without.
func randomExpression(r *rand.Rand, n int, tags bool) *expression {
	if n == 1 {
		e := randomTerm(r, tags)
		if chance(r, 25) {
			return negated(r, e)
		}
		return e
	}

	left := 1 + r.IntN(n-1)
	e := &expression{operator: "and", spelling: pick(r, []string{"and", "&&"}),
		operands: []*expression{randomExpression(r, left, tags), randomExpression(r, n-left, tags)}}
	if chance(r, 50) {
		e.operator, e.spelling = "or", pick(r, []string{"or", "||"})
	}
	if chance(r, 15) {
		return negated(r, e)
	}
	return e
}

func negated(r *rand.Rand, e *expression) *expression {
	return &expression{operator: "not", spelling: pick(r, []string{"not", "!"}),
		operands: []*expression{e}}
}

// String writes the expression in full.
func (e *expression) String() string { return e.with(nil) }

// with writes the expression, with the truth of terms about tags in place of them if the tag of a
// frame is given: a VLAN, or -1 if there is none.
func (e *expression) with(tag *int) string {
	switch {
	case e.operator == "not":
		return e.spelling + " (" + e.operands[0].with(tag) + ")"
	case e.operator != "":
		left := e.operands[0].with(tag) // and, or have one precedence and group to the left
		return left + " " + e.spelling + " (" + e.operands[1].with(tag) + ")"
	case !e.isVLAN || tag == nil:
		return e.text
	case *tag >= 0 && (e.vlan < 0 || e.vlan == *tag):
		return "greater 0"
	}
	return "less 0"
}

func randomTerm(r *rand.Rand, tags bool) *expression {
	if tags && chance(r, 30) {
		if chance(r, 30) {
			return &expression{text: "vlan", vlan: -1, isVLAN: true}
		}
		id := int(pick(r, poolTag))
		return &expression{text: fmt.Sprint("vlan ", id), vlan: id, isVLAN: true}
	}

	dir := pick(r, []string{"", "", "src ", "dst ", "src or dst ", "src and dst ", "dst and src "})
	switch n := r.IntN(100); {
	case n < 20:
		return &expression{text: randomAddress(r, dir)}
	case n < 40:
		return &expression{text: randomPorts(r, dir)}
	case n < 45:
		return &expression{text: randomShorthand(r, dir)}
	case n < 65:
		return &expression{text: pick(r, []string{"ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp",
			"icmp", "icmp6", "igmp", "pim", "vrrp", "esp", "ip multicast", "ip6 multicast",
			"ether multicast", "multicast", "broadcast", "ether broadcast", "igrp"})}
	case n < 75:
		number := pick(r, poolIP)
		return &expression{text: fmt.Sprintf(pick(r, []string{"ip proto %d", "ip6 proto %d",
			"proto %d"}), number)}
	case n < 80:
		return &expression{text: pick(r, []string{"ether proto 0x88b5", `ether proto \ip`,
			`ip proto \tcp`, `proto \udp`, "ether proto 0x8100", "ether proto 0x600",
			`ip6 proto \udp`, "decnet", "ether proto 0x86dd"})}
	case n < 86:
		return &expression{text: "ether " + strings.TrimPrefix(dir+"host ", " ") + pick(r, poolMAC)}
	}
	return &expression{text: randomRelation(r)}
}

func randomAddress(r *rand.Rand, dir string) string {
	if chance(r, 35) {
		dir = pick(r, []string{"", "ip6 "}) + dir
		return dir + pick(r, []string{"host " + pick(r, poolIPv6), "net 2001:db8::/32",
			"net 2001:db8::/64", "net fe80::/10", "net ::/0", "net ff00::/8"})
	}
	dir = pick(r, []string{"", "", "", "ip ", "arp ", "rarp "}) + dir
	return dir + pick(r, []string{"host " + pick(r, poolIPv4), "host " + pick(r, poolIPv4),
		"net 10", "net 10.0", "net 10.0.0.0/24", "net 10.0.0.0/8", "net 0.0.0.0/0", "net 192.0.2",
		"net 10.0.0.0 mask 255.0.0.0", "net 10.0.0.1 mask 255.0.0.255", "host 10.1"})
}

func randomPorts(r *rand.Rand, dir string) string {
	dir = pick(r, []string{"", "tcp ", "tcp ", "udp ", "sctp "}) + dir
	if chance(r, 60) {
		return fmt.Sprint(dir, "port ", pick(r, poolPort))
	}
	return fmt.Sprint(dir, "portrange ", pick(r, poolPort), "-", pick(r, poolPort))
}

// randomShorthand makes a term in which several ids share qualifiers.
func randomShorthand(r *rand.Rand, dir string) string {
	text, ids := pick(r, []string{"", "tcp ", "udp "})+dir+"port ", []string{}
	for range 3 {
		ids = append(ids, fmt.Sprint(pick(r, poolPort)))
	}
	if chance(r, 50) {
		text = pick(r, []string{"", "ip "}) + dir + "host "
		ids = []string{pick(r, poolIPv4), pick(r, poolIPv4), pick(r, poolIPv4)}
		if chance(r, 30) {
			text, ids[1] = pick(r, []string{"", "ip "})+dir+"net ", "10.0.0.0/8"
		}
	}

	list := fmt.Sprintf(pick(r, []string{"%s or %s", "%s and not %s or %s", "%s or ! %s && %s",
		"(%s or %s or %s)", "(%s or not %s)", "%s or (%s and not %s)", "%s || %s || %s"}),
		ids[0], ids[1], ids[2])
	list, _, _ = strings.Cut(list, "%!(EXTRA")
	return text + list
}

func randomRelation(r *rand.Rand) string {
	op := pick(r, []string{"=", "==", "!=", "<", ">", "<=", ">="})
	switch r.IntN(6) {
	case 0:
		return pick(r, []string{"tcp[tcpflags] & tcp-syn != 0", "tcp[tcpflags] == tcp-syn",
			"tcp[13] & 2 == 2", "(tcp-syn|tcp-ack) == tcp[13]", "0x12 == tcp[13] & 0x12",
			"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "not tcp[13] & 4 != 0"})
	case 1:
		return pick(r, []string{"icmp[icmptype] == icmp-echo", "icmp[0] = 8", "icmp[1] != 0",
			"icmp[icmptype] != icmp-echoreply", "icmp6[icmp6type] == icmp6-neighborsolicit",
			"icmp6[0] = 128", "icmp6[icmp6type] != icmp6-echo", "icmp[icmpcode] = 1"})
	case 2:
		return fmt.Sprintf("%s[%d] %s %d", pick(r, []string{"icmp", "icmp6"}), r.IntN(2), op,
			pick(r, poolICMP))
	case 3:
		return fmt.Sprintf("tcp[13] %s %d", op, pick(r, poolFlag))
	}
	return fmt.Sprintf("tcp[tcpflags] & %#x %s %d", 1<<r.IntN(8)+1<<r.IntN(7), op,
		pick(r, poolFlag))
}
