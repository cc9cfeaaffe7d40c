package filter

// Ethernet types.
const (
	typeIPv4 = 0x0800
	typeARP  = 0x0806
	typeRARP = 0x8035
	typeIPv6 = 0x86dd

	// minEtherType is the smallest Ethernet type; below it the field is a length, of an LLC frame.
	minEtherType = 0x0600
)

// etherTypes are the names after "ether proto" that stand for one Ethernet type.
var etherTypes = map[string]uint16{
	"ip": typeIPv4, "ip6": typeIPv6, "arp": typeARP, "rarp": typeRARP,
	"moprc": 0x6002, "mopdl": 0x6001, "decnet": 0x6003, "lat": 0x6004, "sca": 0x6007,
}

// IP protocols.
const (
	protoHopByHop    = 0
	protoICMP        = 1
	protoTCP         = 6
	protoUDP         = 17
	protoRouting     = 43
	protoFragment    = 44
	protoAH          = 51
	protoICMPv6      = 58
	protoDestination = 60
	protoSCTP        = 132
)

// protocolWord is a keyword that stands for a protocol of IP.
type protocolWord struct {
	v4, v6 bool // the versions of IP that the word means
	number uint8
}

// protocolWords are the keywords of pcap-filter(7), and gre, which tcpdump knows only as a name
// after proto.
var protocolWords = map[string]protocolWord{
	"tcp": {true, true, protoTCP}, "udp": {true, true, protoUDP}, "sctp": {true, true, protoSCTP},
	"icmp": {true, false, protoICMP}, "icmp6": {false, true, protoICMPv6},
	"igmp": {true, false, 2}, "igrp": {true, false, 9}, "pim": {true, true, 103},
	"vrrp": {true, false, 112}, "carp": {true, false, 112},
	"ah": {true, true, protoAH}, "esp": {true, true, 50}, "gre": {true, true, 47},
}

// protocolNames are names after "proto", beside those of protocolWords.
var protocolNames = map[string]uint8{
	"ipip": 4, "ipencap": 4, "egp": 8, "igp": 9, "dccp": 33, "ipv6": 41, "rsvp": 46,
	"ipv6-icmp": protoICMPv6, "eigrp": 88, "ospf": 89, "l2tp": 115, "isis": 124, "udplite": 136,
	"mpls-in-ip": 137,
}

// portName is a well-known port, and over which protocols it is registered.
type portName struct {
	number   uint16
	tcp, udp bool
}

// portNames is what tcpdump reads from /etc/services. The table is fixed, so that a filter means
// the same on every machine.
var portNames = map[string]portName{
	"ftp-data": {20, true, false}, "ftp": {21, true, false}, "ssh": {22, true, false},
	"telnet": {23, true, false}, "smtp": {25, true, false}, "domain": {53, true, true},
	"bootps": {67, false, true}, "bootpc": {68, false, true}, "tftp": {69, false, true},
	"http": {80, true, false}, "www": {80, true, false}, "kerberos": {88, true, true},
	"pop3": {110, true, false}, "sunrpc": {111, true, true}, "ntp": {123, false, true},
	"netbios-ns": {137, false, true}, "netbios-dgm": {138, false, true},
	"netbios-ssn": {139, true, false}, "imap2": {143, true, false}, "imap": {143, true, false},
	"snmp": {161, true, true}, "snmp-trap": {162, true, true}, "bgp": {179, true, false},
	"ldap": {389, true, true}, "https": {443, true, true}, "microsoft-ds": {445, true, false},
	"submission": {587, true, false}, "isakmp": {500, false, true}, "syslog": {514, false, true},
	"rtsp": {554, true, true}, "ldaps": {636, true, true}, "domain-s": {853, true, true},
	"imaps": {993, true, false}, "pop3s": {995, true, false}, "radius": {1812, true, true},
	"radius-acct": {1813, true, true}, "nfs": {2049, true, true}, "mysql": {3306, true, false},
	"ms-wbt-server": {3389, true, false}, "ipsec-nat-t": {4500, false, true},
	"sip": {5060, true, true}, "sip-tls": {5061, true, true}, "postgresql": {5432, true, false},
	"http-alt": {8080, true, false}, "syslog-tls": {6514, true, false},
}

// constants are the names of numbers that relations use.
var constants = map[string]uint64{
	"tcpflags": 13, "icmptype": 0, "icmpcode": 1, "icmp6type": 0, "icmp6code": 1,

	"tcp-fin": 0x01, "tcp-syn": 0x02, "tcp-rst": 0x04, "tcp-push": 0x08,
	"tcp-ack": 0x10, "tcp-urg": 0x20, "tcp-ece": 0x40, "tcp-cwr": 0x80,

	"icmp-echoreply": 0, "icmp-unreach": 3, "icmp-sourcequench": 4, "icmp-redirect": 5,
	"icmp-echo": 8, "icmp-routeradvert": 9, "icmp-routersolicit": 10, "icmp-timxceed": 11,
	"icmp-paramprob": 12, "icmp-tstamp": 13, "icmp-tstampreply": 14, "icmp-ireq": 15,
	"icmp-ireqreply": 16, "icmp-maskreq": 17, "icmp-maskreply": 18,

	"icmp6-destinationunreach": 1, "icmp6-packettoobig": 2, "icmp6-timeexceeded": 3,
	"icmp6-parameterproblem": 4, "icmp6-echo": 128, "icmp6-echoreply": 129,
	"icmp6-multicastlistenerquery": 130, "icmp6-multicastlistenerreportv1": 131,
	"icmp6-multicastlistenerdone": 132, "icmp6-routersolicit": 133, "icmp6-routeradvert": 134,
	"icmp6-neighborsolicit": 135, "icmp6-neighboradvert": 136, "icmp6-redirect": 137,
	"icmp6-routerrenum": 138, "icmp6-nodeinformationquery": 139,
	"icmp6-nodeinformationresponse": 140, "icmp6-ineighbordiscoverysolicit": 141,
	"icmp6-ineighbordiscoveryadvert": 142, "icmp6-multicastlistenerreportv2": 143,
	"icmp6-homeagentdiscoveryrequest": 144, "icmp6-homeagentdiscoveryreply": 145,
	"icmp6-mobileprefixsolicit": 146, "icmp6-mobileprefixadvert": 147,
	"icmp6-certpathsolicit": 148, "icmp6-certpathadvert": 149,
	"icmp6-multicastrouteradvert": 151, "icmp6-multicastroutersolicit": 152,
	"icmp6-multicastroutertermination": 153,
}

// unsupported are keywords of pcap-filter(7) that no flow of Open vSwitch can express, and what to
// do instead.
var unsupported = map[string]string{
	"less": "lengths cannot be matched; snaplen cuts copies", "len": lengthHint,
	"length": lengthHint, "greater": lengthHint, "byte": payloadHint,
	"inbound": directionHint, "outbound": directionHint, "ifindex": directionHint,
	"gateway": "write ether host MAC and not host ADDRESS", "protochain": "proto looks behind " +
		"IPv6 extension headers already",
	"mpls": "ether proto 0x8847 matches MPLS frames", "pppoed": "write ether proto 0x8863",
	"pppoes": "write ether proto 0x8864", "geneve": "write udp port 6081",
	"vxlan": "write udp port 4789", "llc": llcHint, "stp": llcHint, "ipx": llcHint,
	"netbeui": llcHint, "iso": llcHint, "clnp": llcHint, "esis": llcHint, "isis": llcHint,
	"atalk": "write ether proto 0x809b", "aarp": "write ether proto 0x80f3",
	"fddi": linkHint, "tr": linkHint, "wlan": linkHint, "ppp": linkHint, "slip": linkHint,
	"radio": linkHint, "type": linkHint, "subtype": linkHint, "dir": linkHint,
	"direction": linkHint, "address1": linkHint, "address2": linkHint, "address3": linkHint,
	"address4": linkHint, "addr1": linkHint, "addr2": linkHint, "addr3": linkHint,
	"addr4": linkHint, "ra": linkHint, "ta": linkHint, "ifname": directionHint, "on": directionHint,
	"rset": directionHint, "ruleset": directionHint, "rnr": directionHint,
	"rulenum": directionHint, "srnr": directionHint, "subrulenum": directionHint,
	"reason": directionHint, "action": directionHint, "lane": linkHint, "vpi": linkHint,
	"vci": linkHint, "metac": linkHint, "bcc": linkHint, "oam": linkHint, "oamf4": linkHint,
}

const (
	lengthHint    = "lengths cannot be matched; snaplen cuts copies"
	payloadHint   = "Open vSwitch matches headers: addresses, ports, protocols, flags"
	directionHint = "the tap flow's direction chooses between sent and received frames"
	llcHint       = "Open vSwitch does not match LLC headers; ether dst MAC may tell such frames"
	linkHint      = "all copies are Ethernet frames"
)
