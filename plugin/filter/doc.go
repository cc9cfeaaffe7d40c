// Package filter compiles expressions of pcap-filter(7), the language of tcpdump, to OpenFlow
// flows of Open vSwitch.
//
// [Compile] takes an expression to a [Program], an ordered list of rules, and [Program.Flows]
// places the program in a table. On the way:
//
//	lex.go, parse*.go        the expression becomes a tree of terms, each with its place
//	formula.go               the tree becomes a formula in which only terms are negated
//	fragment.go, missing.go  what later fragments lack is replaced by what it may be
//	lower.go                 terms become cubes: sets of frames that one flow can match
//	region.go, union.go      sets of cubes, and how to intersect and unite them
//	list.go                  cubes become a decision list
//	compile.go               the list becomes rules
//
// A negation costs no more than what it negates: a list rejects some frames first and accepts
// others then. A product of sets, such as many addresses and many ports, becomes a conjunction
// where that takes fewer flows than all pairs.
//
// # Meaning
//
// A filter accepts the frames for which libpcap's program returns true, with two exceptions:
//
//   - One VLAN tag is transparent. Unless a term asks for the tag, the verdict is that on the frame
//     without it. A term about the tag moves nothing: "vlan 5 or vlan 30" means either tag, where
//     libpcap looks for an inner one, and "tcp and vlan 30" means "vlan 30 and tcp".
//   - A later fragment, which has no ports, flags and types of ICMP, is accepted if some value of
//     them would make it accepted. In IPv6 that goes for the protocol too, which Open vSwitch does
//     not show. See maxChoices for a bound.
//
// Open vSwitch and libpcap read some frames differently, and here the filter follows Open vSwitch:
//
//   - Behind an IPv6 header, Open vSwitch skips extension headers: "tcp port 80" matches what
//     follows them. libpcap looks at the next header alone, and behind one fragment header.
//   - Ethernet types behind LLC and SNAP count like those of Ethernet II.
//   - Of a header that is cut short, or whose lengths cannot be, nothing is read: its fields, and
//     the protocol and addresses of IP, are zero. libpcap reads what is there, and rejects a frame
//     if a term needs octets that are not, even under not. The same goes for ARP that is not about
//     Ethernet and IPv4.
//   - Tags have the type 0x8100 or 0x88a8. libpcap knows 0x9100 too.
//
// Names of ports are those of a fixed table, not of /etc/services. Names of hosts are refused. As
// in tcpdump, tcp[..] and icmp[..] match IPv4 alone.
//
// The package is pure: no I/O, no clock, no goroutines, no state.
package filter
