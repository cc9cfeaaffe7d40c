package oxm_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/openflow/wire"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

func TestMatchString(t *testing.T) {
	masked := func(id oxm.FieldID, v, mask uint64) oxm.Field {
		return oxm.NewMaskedField(id, oxm.Uint128{Lo: v}, oxm.Uint128{Lo: mask})
	}
	tests := map[string]oxm.Match{
		"":                            nil,
		"in_port=1,metadata=0x5/0xff": {oxm.InPort(1), oxm.MetadataMasked(5, 0xff)},
		"in_port=LOCAL":               {oxm.InPort(openflow.PortLocal)},
		"tun_id=0x7,tun_src=192.0.2.1": {oxm.TunnelID(7),
			oxm.TunSrc(netip.MustParseAddr("192.0.2.1"))},
		"tun_src=192.0.2.1":              {oxm.TunSrc(netip.MustParseAddr("::ffff:192.0.2.1"))},
		"tun_ipv6_dst=2001:db8::1":       {oxm.TunDst(netip.MustParseAddr("2001:db8::1"))},
		"dl_vlan=5":                      {oxm.VLANVID(5)},
		"vlan_vid=0x0":                   {oxm.VLANNone()},
		"vlan_vid=0x1000/0x1000":         {oxm.VLANAny()},
		"eth_src=02:00:00:00:00:01":      {oxm.EthSrc(openflow.MAC{2, 0, 0, 0, 0, 1})},
		"ip_src=10.0.0.0/8":              {oxm.IPv4Src(netip.MustParsePrefix("10.9.9.9/8"))},
		"ip_dst=10.0.0.1":                {oxm.IPv4Dst(netip.MustParsePrefix("10.0.0.1/32"))},
		"ip_src=10.0.0.1/255.0.0.255":    {masked(oxm.FieldIPv4Src, 0x0a000001, 0xff0000ff)},
		"ipv6_src=2001:db8::/32":         {oxm.IPv6Src(netip.MustParsePrefix("2001:db8::1/32"))},
		"ip_frag=later":                  {masked(oxm.FieldIPFrag, 3, 3)},
		"ip_frag=not_later":              {masked(oxm.FieldIPFrag, 0, 2)},
		"ip_frag=yes":                    {masked(oxm.FieldIPFrag, 1, 1)},
		"ct_state=-new+trk":              {oxm.CTState(0x20, 0x21)},
		"ct_state=0x100/0x100":           {masked(oxm.FieldCTState, 0x100, 0x100)},
		"tun_flags=+oam":                 {masked(oxm.FieldTunFlags, 1, 1)},
		"xxreg1=0x10000000000000002":     {oxm.XXReg(1, oxm.Uint128{Hi: 1, Lo: 2})},
		"reg3=0x1/0xf":                   {oxm.RegMasked(3, 1, 0xf)},
		"tcp_dst=80,tcp_src=0x50/0xfff0": {oxm.TCPDst(80), masked(oxm.FieldTCPSrc, 0x50, 0xfff0)},
	}
	for want, m := range tests {
		if got := m.String(); got != want {
			t.Errorf("String: %q, want %q", got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	ipv4, ipv6, tcp := oxm.EthType(0x0800), oxm.EthType(0x86dd), oxm.IPProto(6)
	src := oxm.IPv4Src(netip.MustParsePrefix("10.0.0.0/8"))
	good := []oxm.Match{
		nil, {src, ipv4}, {tcp, oxm.TCPDst(1), ipv6}, {oxm.VLANVID(1), oxm.VLANPCP(1)},
		{oxm.Reg(1, 2), oxm.Reg(2, 1)}, {{}},
	}
	for _, m := range good {
		if err := m.Validate(); err != nil {
			t.Errorf("%v: %v, want nil", m, err)
		}
	}

	bad := []oxm.Match{
		{src}, {src, ipv6}, {oxm.TCPDst(1), ipv4}, {oxm.TCPDst(1), ipv4, oxm.IPProto(17)},
		{oxm.VLANPCP(1)}, {tcp}, {ipv4, ipv4}, {oxm.InPort(1), oxm.InPort(2)},
		{ipv4, oxm.IPDSCP(64)},
		{oxm.NewMaskedField(oxm.FieldEthType, oxm.Uint128{Lo: 1}, oxm.Uint128{Lo: 1})},
	}
	for _, m := range bad {
		if err := m.Validate(); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%v: %v, want ErrValue", m, err)
		}
	}
}

func TestNormalizeDoesNotChangeItsReceiver(t *testing.T) {
	m := oxm.Match{oxm.IPProto(6), oxm.EthType(0x0800), oxm.MetadataMasked(1, 0)}
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
	bodies, err := conn.Multipart(t.Context(),
		openflow.RawRequest{Multipart: openflow.MultipartTableFeatures})
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

			f, err := oxm.RawField(append(tlv, make([]byte, length)...))
			if err != nil {
				t.Errorf("header %x: %v", tlv, err)
				continue
			}
			if f.ID() == oxm.FieldUnknown {
				if name := f.String(); length < 100 { // tun_metadata is kept raw.
					t.Errorf("the switch has a field that we do not know: %s", name)
				}
				continue
			}

			known++
			if info := f.ID().Info(); f.Masked() != info.Maskable {
				t.Errorf("%s: maskable is %v, the switch says %v", info.Name, info.Maskable,
					f.Masked())
			}
		}

		break
	}

	if known < 90 {
		t.Errorf("only %d fields compared", known)
	}
}
