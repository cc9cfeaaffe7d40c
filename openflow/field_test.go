package openflow_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

func TestMatchString(t *testing.T) {
	masked := func(id openflow.FieldID, v, mask uint64) openflow.Field {
		return openflow.NewMaskedField(id, openflow.Uint128{Lo: v}, openflow.Uint128{Lo: mask})
	}
	tests := map[string]openflow.Match{
		"":                               nil,
		"in_port=1,metadata=0x5/0xff":    {openflow.InPort(1), openflow.MetadataMasked(5, 0xff)},
		"in_port=LOCAL":                  {openflow.InPort(openflow.PortLocal)},
		"tun_id=0x7,tun_src=192.0.2.1":   {openflow.TunnelID(7), openflow.TunSrc(netip.MustParseAddr("192.0.2.1"))},
		"tun_src=192.0.2.1":              {openflow.TunSrc(netip.MustParseAddr("::ffff:192.0.2.1"))},
		"tun_ipv6_dst=2001:db8::1":       {openflow.TunDst(netip.MustParseAddr("2001:db8::1"))},
		"dl_vlan=5":                      {openflow.VLANVID(5)},
		"vlan_vid=0x0":                   {openflow.VLANNone()},
		"vlan_vid=0x1000/0x1000":         {openflow.VLANAny()},
		"eth_src=02:00:00:00:00:01":      {openflow.EthSrc(openflow.MAC{2, 0, 0, 0, 0, 1})},
		"ip_src=10.0.0.0/8":              {openflow.IPv4Src(netip.MustParsePrefix("10.9.9.9/8"))},
		"ip_dst=10.0.0.1":                {openflow.IPv4Dst(netip.MustParsePrefix("10.0.0.1/32"))},
		"ip_src=10.0.0.1/255.0.0.255":    {masked(openflow.FieldIPv4Src, 0x0a000001, 0xff0000ff)},
		"ipv6_src=2001:db8::/32":         {openflow.IPv6Src(netip.MustParsePrefix("2001:db8::1/32"))},
		"ip_frag=later":                  {masked(openflow.FieldIPFrag, 3, 3)},
		"ip_frag=not_later":              {masked(openflow.FieldIPFrag, 0, 2)},
		"ip_frag=yes":                    {masked(openflow.FieldIPFrag, 1, 1)},
		"ct_state=-new+trk":              {openflow.CTState(0x20, 0x21)},
		"ct_state=0x100/0x100":           {masked(openflow.FieldCTState, 0x100, 0x100)},
		"tun_flags=+oam":                 {masked(openflow.FieldTunFlags, 1, 1)},
		"xxreg1=0x10000000000000002":     {openflow.XXReg(1, openflow.Uint128{Hi: 1, Lo: 2})},
		"reg3=0x1/0xf":                   {openflow.RegMasked(3, 1, 0xf)},
		"tcp_dst=80,tcp_src=0x50/0xfff0": {openflow.TCPDst(80), masked(openflow.FieldTCPSrc, 0x50, 0xfff0)},
	}
	for want, m := range tests {
		if got := m.String(); got != want {
			t.Errorf("String: %q, want %q", got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	ipv4, ipv6, tcp := openflow.EthType(0x0800), openflow.EthType(0x86dd), openflow.IPProto(6)
	src := openflow.IPv4Src(netip.MustParsePrefix("10.0.0.0/8"))
	good := []openflow.Match{
		nil, {src, ipv4}, {tcp, openflow.TCPDst(1), ipv6}, {openflow.VLANVID(1), openflow.VLANPCP(1)},
		{openflow.Reg(1, 2), openflow.Reg(2, 1)}, {{}},
	}
	for _, m := range good {
		if err := m.Validate(); err != nil {
			t.Errorf("%v: %v, want nil", m, err)
		}
	}
	bad := []openflow.Match{
		{src}, {src, ipv6}, {openflow.TCPDst(1), ipv4}, {openflow.TCPDst(1), ipv4, openflow.IPProto(17)},
		{openflow.VLANPCP(1)}, {tcp}, {ipv4, ipv4}, {openflow.InPort(1), openflow.InPort(2)},
		{ipv4, openflow.IPDSCP(64)}, {openflow.NewMaskedField(openflow.FieldEthType, openflow.Uint128{Lo: 1}, openflow.Uint128{Lo: 1})},
	}
	for _, m := range bad {
		if err := m.Validate(); !errors.Is(err, openflow.ErrValue) {
			t.Errorf("%v: %v, want ErrValue", m, err)
		}
	}
}

func TestNormalizeDoesNotChangeItsReceiver(t *testing.T) {
	m := openflow.Match{openflow.IPProto(6), openflow.EthType(0x0800), openflow.MetadataMasked(1, 0)}
	n := m.Normalize()
	if got := m.String(); got != "nw_proto=6,eth_type=0x800,metadata=0x0/0x0" {
		t.Errorf("the receiver became %s", got)
	}
	if got := n.String(); got != "eth_type=0x800,nw_proto=6" {
		t.Errorf("Normalize: %s", got)
	}
}

// TestFieldsAgainstOVS holds the table of fields against what a real switch
// says that it can match: width and maskability of each field.
func TestFieldsAgainstOVS(t *testing.T) {
	s := ovs.StartBridge(t)
	conn, err := ofconn.Dial(t.Context(), s.Management(), nil, ofconn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	bodies, err := conn.Multipart(t.Context(), openflow.RawRequest{Multipart: openflow.MultipartTableFeatures})
	if err != nil {
		t.Fatal(err)
	}
	const propertyMatch, firstProperty = 8, 64 // 7.3.5.5.2
	known := 0
	table := bodies[0].(openflow.RawReply).Data
	for p := table[firstProperty:]; len(p) >= 4; {
		n := int(p[2])<<8 | int(p[3])
		if p[1] != propertyMatch {
			p = p[(n+7)/8*8:]
			continue
		}
		for h := p[4:n]; len(h) >= 4; {
			tlv := append([]byte{}, h[:4]...)
			length := int(h[3])
			h = h[4:]
			if tlv[0] == 0xff {
				tlv = append(tlv, h[:4]...)
				h = h[4:]
				length -= 4
			}
			f, err := openflow.RawField(append(tlv, make([]byte, length)...))
			if err != nil {
				t.Errorf("header %x: %v", tlv, err)
				continue
			}
			if f.ID() == openflow.FieldUnknown {
				if name := f.String(); length < 100 { // tun_metadata is kept raw.
					t.Errorf("the switch has a field that we do not know: %s", name)
				}
				continue
			}
			known++
			if info := f.ID().Info(); f.Masked() != info.Maskable {
				t.Errorf("%s: maskable is %v, the switch says %v", info.Name, info.Maskable, f.Masked())
			}
		}
		break
	}
	if known < 90 {
		t.Errorf("only %d fields compared", known)
	}
}
