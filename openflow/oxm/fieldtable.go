package oxm

// FieldID is a field of the table of ovs-fields(7), in canonical order: a
// field comes after the fields that its prerequisites name.
type FieldID uint8

// Fields. Names, widths and prerequisites are in [FieldID.Info].
const (
	// FieldUnknown is a field that this package keeps raw.
	FieldUnknown FieldID = iota
	FieldPacketType
	FieldInPort
	FieldInPort16 // NXM_OF_IN_PORT, for actions such as load:0->NXM_OF_IN_PORT[].
	FieldInPhyPort
	FieldActsetOutput
	FieldMetadata
	FieldTunnelID
	FieldTunIPv4Src
	FieldTunIPv4Dst
	FieldTunIPv6Src
	FieldTunIPv6Dst
	FieldTunFlags
	FieldTunGBPID
	FieldTunGBPFlags
	FieldTunErspanIdx
	FieldTunErspanVer
	FieldTunErspanDir
	FieldTunErspanHWID
	FieldTunGTPUFlags
	FieldTunGTPUMsgType
	FieldReg0
	FieldReg1
	FieldReg2
	FieldReg3
	FieldReg4
	FieldReg5
	FieldReg6
	FieldReg7
	FieldReg8
	FieldReg9
	FieldReg10
	FieldReg11
	FieldReg12
	FieldReg13
	FieldReg14
	FieldReg15
	FieldXReg0
	FieldXReg1
	FieldXReg2
	FieldXReg3
	FieldXReg4
	FieldXReg5
	FieldXReg6
	FieldXReg7
	FieldXXReg0
	FieldXXReg1
	FieldXXReg2
	FieldXXReg3
	FieldPktMark
	FieldDPHash
	FieldRecircID
	FieldCTState
	FieldCTZone
	FieldCTMark
	FieldCTLabel
	FieldConjID
	FieldEthDst
	FieldEthSrc
	FieldEthType
	FieldVLANVID
	FieldVLANPCP
	FieldVLANTCI
	FieldMPLSLabel
	FieldMPLSTC
	FieldMPLSBOS
	FieldMPLSTTL
	FieldPBBISID
	FieldIPDSCP
	FieldIPTOS
	FieldIPECN
	FieldIPTTL
	FieldIPFrag
	FieldIPProto
	FieldIPv4Src
	FieldIPv4Dst
	FieldIPv6Src
	FieldIPv6Dst
	FieldIPv6Label
	FieldIPv6ExtHdr
	FieldCTNwProto
	FieldCTNwSrc
	FieldCTNwDst
	FieldCTIPv6Src
	FieldCTIPv6Dst
	FieldCTTPSrc
	FieldCTTPDst
	FieldARPOp
	FieldARPSPA
	FieldARPTPA
	FieldARPSHA
	FieldARPTHA
	FieldTCPSrc
	FieldTCPDst
	FieldTCPFlags
	FieldUDPSrc
	FieldUDPDst
	FieldSCTPSrc
	FieldSCTPDst
	FieldICMPv4Type
	FieldICMPv4Code
	FieldICMPv6Type
	FieldICMPv6Code
	FieldNDTarget
	FieldNDSLL
	FieldNDTLL
	FieldNDReserved
	FieldNDOptionsType
	FieldNSHFlags
	FieldNSHMDType
	FieldNSHNP
	FieldNSHSPI
	FieldNSHSI
	FieldNSHC1
	FieldNSHC2
	FieldNSHC3
	FieldNSHC4
	FieldNSHTTL
	numFields
)

// fieldTable declares every field: its name in ovs-fields(7), width on the wire and significant
// bits, how ovs-ofctl writes it, whether it may be masked, its prerequisites, and its OXM headers.
// The first header is written; all are read.
var fieldTable = [numFields]FieldInfo{
	FieldPacketType:    {"packet_type", 4, 32, formatHex, false, needNone, headers(oxm(44))},
	FieldInPort:        {"in_port", 4, 32, formatPort, false, needNone, headers(oxm(0))},
	FieldInPort16:      {"in_port", 2, 16, formatDecimal, false, needNone, headers(nxm0(0))},
	FieldInPhyPort:     {"in_phy_port", 4, 32, formatPort, false, needNone, headers(oxm(1))},
	FieldActsetOutput:  {"actset_output", 4, 32, formatPort, false, needNone, headers(onf(43))},
	FieldMetadata:      {"metadata", 8, 64, formatHex, true, needNone, headers(oxm(2))},
	FieldTunnelID:      {"tun_id", 8, 64, formatHex, true, needNone, headers(oxm(38), nxm1(16))},
	FieldTunIPv4Src:    {"tun_src", 4, 32, formatIPv4, true, needNone, headers(nxm1(31))},
	FieldTunIPv4Dst:    {"tun_dst", 4, 32, formatIPv4, true, needNone, headers(nxm1(32))},
	FieldTunIPv6Src:    {"tun_ipv6_src", 16, 128, formatIPv6, true, needNone, headers(nxm1(109))},
	FieldTunIPv6Dst:    {"tun_ipv6_dst", 16, 128, formatIPv6, true, needNone, headers(nxm1(110))},
	FieldTunFlags:      {"tun_flags", 2, 1, formatTunFlags, true, needNone, headers(nxm1(104))},
	FieldTunGBPID:      {"tun_gbp_id", 2, 16, formatDecimal, true, needNone, headers(nxm1(38))},
	FieldTunGBPFlags:   {"tun_gbp_flags", 1, 8, formatHex, true, needNone, headers(nxm1(39))},
	FieldTunErspanIdx:  {"tun_erspan_idx", 4, 20, formatHex, true, needNone, headers(nxet(11))},
	FieldTunErspanVer:  {"tun_erspan_ver", 1, 4, formatDecimal, true, needNone, headers(nxet(12))},
	FieldTunErspanDir:  {"tun_erspan_dir", 1, 1, formatDecimal, true, needNone, headers(nxet(13))},
	FieldTunErspanHWID: {"tun_erspan_hwid", 1, 6, formatHex, true, needNone, headers(nxet(14))},
	FieldTunGTPUFlags:  {"tun_gtpu_flags", 1, 8, formatHex, true, needNone, headers(nxet(15))},
	FieldTunGTPUMsgType: {"tun_gtpu_msgtype", 1, 8, formatDecimal, true, needNone,
		headers(nxet(16))},
	FieldReg0:      {"reg0", 4, 32, formatHex, true, needNone, headers(nxm1(0))},
	FieldReg1:      {"reg1", 4, 32, formatHex, true, needNone, headers(nxm1(1))},
	FieldReg2:      {"reg2", 4, 32, formatHex, true, needNone, headers(nxm1(2))},
	FieldReg3:      {"reg3", 4, 32, formatHex, true, needNone, headers(nxm1(3))},
	FieldReg4:      {"reg4", 4, 32, formatHex, true, needNone, headers(nxm1(4))},
	FieldReg5:      {"reg5", 4, 32, formatHex, true, needNone, headers(nxm1(5))},
	FieldReg6:      {"reg6", 4, 32, formatHex, true, needNone, headers(nxm1(6))},
	FieldReg7:      {"reg7", 4, 32, formatHex, true, needNone, headers(nxm1(7))},
	FieldReg8:      {"reg8", 4, 32, formatHex, true, needNone, headers(nxm1(8))},
	FieldReg9:      {"reg9", 4, 32, formatHex, true, needNone, headers(nxm1(9))},
	FieldReg10:     {"reg10", 4, 32, formatHex, true, needNone, headers(nxm1(10))},
	FieldReg11:     {"reg11", 4, 32, formatHex, true, needNone, headers(nxm1(11))},
	FieldReg12:     {"reg12", 4, 32, formatHex, true, needNone, headers(nxm1(12))},
	FieldReg13:     {"reg13", 4, 32, formatHex, true, needNone, headers(nxm1(13))},
	FieldReg14:     {"reg14", 4, 32, formatHex, true, needNone, headers(nxm1(14))},
	FieldReg15:     {"reg15", 4, 32, formatHex, true, needNone, headers(nxm1(15))},
	FieldXReg0:     {"xreg0", 8, 64, formatHex, true, needNone, headers(pkt(0))},
	FieldXReg1:     {"xreg1", 8, 64, formatHex, true, needNone, headers(pkt(1))},
	FieldXReg2:     {"xreg2", 8, 64, formatHex, true, needNone, headers(pkt(2))},
	FieldXReg3:     {"xreg3", 8, 64, formatHex, true, needNone, headers(pkt(3))},
	FieldXReg4:     {"xreg4", 8, 64, formatHex, true, needNone, headers(pkt(4))},
	FieldXReg5:     {"xreg5", 8, 64, formatHex, true, needNone, headers(pkt(5))},
	FieldXReg6:     {"xreg6", 8, 64, formatHex, true, needNone, headers(pkt(6))},
	FieldXReg7:     {"xreg7", 8, 64, formatHex, true, needNone, headers(pkt(7))},
	FieldXXReg0:    {"xxreg0", 16, 128, formatHex, true, needNone, headers(nxm1(111))},
	FieldXXReg1:    {"xxreg1", 16, 128, formatHex, true, needNone, headers(nxm1(112))},
	FieldXXReg2:    {"xxreg2", 16, 128, formatHex, true, needNone, headers(nxm1(113))},
	FieldXXReg3:    {"xxreg3", 16, 128, formatHex, true, needNone, headers(nxm1(114))},
	FieldPktMark:   {"pkt_mark", 4, 32, formatHex, true, needNone, headers(nxm1(33))},
	FieldDPHash:    {"dp_hash", 4, 32, formatHex, true, needNone, headers(nxm1(35))},
	FieldRecircID:  {"recirc_id", 4, 32, formatHex, false, needNone, headers(nxm1(36))},
	FieldCTState:   {"ct_state", 4, 8, formatCTState, true, needNone, headers(nxm1(105))},
	FieldCTZone:    {"ct_zone", 2, 16, formatHex, false, needNone, headers(nxm1(106))},
	FieldCTMark:    {"ct_mark", 4, 32, formatHex, true, needNone, headers(nxm1(107))},
	FieldCTLabel:   {"ct_label", 16, 128, formatHex, true, needNone, headers(nxm1(108))},
	FieldConjID:    {"conj_id", 4, 32, formatDecimal, false, needNone, headers(nxm1(37))},
	FieldEthDst:    {"eth_dst", 6, 48, formatMAC, true, needNone, headers(oxm(3), nxm0(1))},
	FieldEthSrc:    {"eth_src", 6, 48, formatMAC, true, needNone, headers(oxm(4), nxm0(2))},
	FieldEthType:   {"eth_type", 2, 16, formatHex, false, needNone, headers(oxm(5), nxm0(3))},
	FieldVLANVID:   {"vlan_vid", 2, 13, formatVLAN, true, needNone, headers(oxm(6))},
	FieldVLANPCP:   {"vlan_pcp", 1, 3, formatDecimal, false, needVLAN, headers(oxm(7))},
	FieldVLANTCI:   {"vlan_tci", 2, 16, formatHex, true, needNone, headers(nxm0(4))},
	FieldMPLSLabel: {"mpls_label", 4, 20, formatDecimal, false, needMPLS, headers(oxm(34))},
	FieldMPLSTC:    {"mpls_tc", 1, 3, formatDecimal, false, needMPLS, headers(oxm(35))},
	FieldMPLSBOS:   {"mpls_bos", 1, 1, formatDecimal, false, needMPLS, headers(oxm(36))},
	FieldMPLSTTL:   {"mpls_ttl", 1, 8, formatDecimal, false, needMPLS, headers(nxm1(30))},
	FieldPBBISID:   {"pbb_isid", 3, 24, formatHex, true, needPBB, headers(oxm(37))},
	FieldIPDSCP:    {"ip_dscp", 1, 6, formatDecimal, false, needIP, headers(oxm(8))},
	FieldIPTOS:     {"nw_tos", 1, 8, formatDecimal, false, needIP, headers(nxm0(5))},
	FieldIPECN:     {"nw_ecn", 1, 2, formatDecimal, false, needIP, headers(oxm(9), nxm1(28))},
	FieldIPTTL:     {"nw_ttl", 1, 8, formatDecimal, false, needIP, headers(nxm1(29))},
	FieldIPFrag:    {"ip_frag", 1, 2, formatFrag, true, needIP, headers(nxm1(26))},
	FieldIPProto: {"nw_proto", 1, 8, formatDecimal, false, needIP,
		headers(oxm(10), nxm0(6))},
	FieldIPv4Src: {"ip_src", 4, 32, formatIPv4, true, needIPv4, headers(oxm(11), nxm0(7))},
	FieldIPv4Dst: {"ip_dst", 4, 32, formatIPv4, true, needIPv4, headers(oxm(12), nxm0(8))},
	FieldIPv6Src: {"ipv6_src", 16, 128, formatIPv6, true, needIPv6,
		headers(oxm(26), nxm1(19))},
	FieldIPv6Dst: {"ipv6_dst", 16, 128, formatIPv6, true, needIPv6,
		headers(oxm(27), nxm1(20))},
	FieldIPv6Label: {"ipv6_label", 4, 20, formatHex, true, needIPv6,
		headers(oxm(28), nxm1(27))},
	FieldIPv6ExtHdr: {"ipv6_exthdr", 2, 9, formatHex, true, needIPv6, headers(oxm(39))},
	FieldCTNwProto:  {"ct_nw_proto", 1, 8, formatDecimal, false, needCT, headers(nxm1(119))},
	FieldCTNwSrc:    {"ct_nw_src", 4, 32, formatIPv4, true, needCT, headers(nxm1(120))},
	FieldCTNwDst:    {"ct_nw_dst", 4, 32, formatIPv4, true, needCT, headers(nxm1(121))},
	FieldCTIPv6Src:  {"ct_ipv6_src", 16, 128, formatIPv6, true, needCT, headers(nxm1(122))},
	FieldCTIPv6Dst:  {"ct_ipv6_dst", 16, 128, formatIPv6, true, needCT, headers(nxm1(123))},
	FieldCTTPSrc:    {"ct_tp_src", 2, 16, formatDecimal, true, needCT, headers(nxm1(124))},
	FieldCTTPDst:    {"ct_tp_dst", 2, 16, formatDecimal, true, needCT, headers(nxm1(125))},
	FieldARPOp: {"arp_op", 2, 16, formatDecimal, false, needARP,
		headers(oxm(21), nxm0(15))},
	FieldARPSPA: {"arp_spa", 4, 32, formatIPv4, true, needARP, headers(oxm(22), nxm0(16))},
	FieldARPTPA: {"arp_tpa", 4, 32, formatIPv4, true, needARP, headers(oxm(23), nxm0(17))},
	FieldARPSHA: {"arp_sha", 6, 48, formatMAC, true, needARP, headers(oxm(24), nxm1(17))},
	FieldARPTHA: {"arp_tha", 6, 48, formatMAC, true, needARP, headers(oxm(25), nxm1(18))},
	FieldTCPSrc: {"tcp_src", 2, 16, formatDecimal, true, needTCP,
		headers(oxm(13), nxm0(9))},
	FieldTCPDst: {"tcp_dst", 2, 16, formatDecimal, true, needTCP,
		headers(oxm(14), nxm0(10))},
	FieldTCPFlags: {"tcp_flags", 2, 12, formatHex, true, needTCP,
		headers(onf(42), nxm1(34), oxm(42))},
	FieldUDPSrc: {"udp_src", 2, 16, formatDecimal, true, needUDP,
		headers(oxm(15), nxm0(11))},
	FieldUDPDst: {"udp_dst", 2, 16, formatDecimal, true, needUDP,
		headers(oxm(16), nxm0(12))},
	FieldSCTPSrc: {"sctp_src", 2, 16, formatDecimal, true, needSCTP, headers(oxm(17))},
	FieldSCTPDst: {"sctp_dst", 2, 16, formatDecimal, true, needSCTP, headers(oxm(18))},
	FieldICMPv4Type: {"icmp_type", 1, 8, formatDecimal, false, needICMPv4,
		headers(oxm(19), nxm0(13))},
	FieldICMPv4Code: {"icmp_code", 1, 8, formatDecimal, false, needICMPv4,
		headers(oxm(20), nxm0(14))},
	FieldICMPv6Type: {"icmpv6_type", 1, 8, formatDecimal, false, needICMPv6,
		headers(oxm(29), nxm1(21))},
	FieldICMPv6Code: {"icmpv6_code", 1, 8, formatDecimal, false, needICMPv6,
		headers(oxm(30), nxm1(22))},
	FieldNDTarget: {"nd_target", 16, 128, formatIPv6, true, needND,
		headers(oxm(31), nxm1(23))},
	FieldNDSLL: {"nd_sll", 6, 48, formatMAC, true, needNDSolicit,
		headers(oxm(32), nxm1(24))},
	FieldNDTLL: {"nd_tll", 6, 48, formatMAC, true, needNDAdvert,
		headers(oxm(33), nxm1(25))},
	FieldNDReserved:    {"nd_reserved", 4, 32, formatDecimal, false, needND, headers(eric(1))},
	FieldNDOptionsType: {"nd_options_type", 1, 8, formatDecimal, false, needND, headers(eric(2))},
	FieldNSHFlags:      {"nsh_flags", 1, 8, formatDecimal, true, needNSH, headers(nsh(1))},
	FieldNSHMDType:     {"nsh_mdtype", 1, 8, formatDecimal, false, needNSH, headers(nsh(2))},
	FieldNSHNP:         {"nsh_np", 1, 8, formatDecimal, false, needNSH, headers(nsh(3))},
	FieldNSHSPI:        {"nsh_spi", 4, 24, formatHex, false, needNSH, headers(nsh(4))},
	FieldNSHSI:         {"nsh_si", 1, 8, formatDecimal, false, needNSH, headers(nsh(5))},
	FieldNSHC1:         {"nsh_c1", 4, 32, formatHex, true, needNSH, headers(nsh(6))},
	FieldNSHC2:         {"nsh_c2", 4, 32, formatHex, true, needNSH, headers(nsh(7))},
	FieldNSHC3:         {"nsh_c3", 4, 32, formatHex, true, needNSH, headers(nsh(8))},
	FieldNSHC4:         {"nsh_c4", 4, 32, formatHex, true, needNSH, headers(nsh(9))},
	FieldNSHTTL:        {"nsh_ttl", 1, 8, formatDecimal, false, needNSH, headers(nsh(10))},
}
