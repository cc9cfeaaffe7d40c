package hypervisor_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/hypervisor"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func TestNICXML(t *testing.T) {
	s := tap.Service{
		ID:     "s1",
		Name:   "col",
		MAC:    tap.MAC{0x02, 0x74, 0x61, 1, 2, 3},
		IfName: "tapa1b2c3",
	}
	got, err := hypervisor.NICXML(s, "c1", "brtap")
	require.NoError(t, err)
	assert.Equal(t, `<interface type="bridge">
  <mac address="02:74:61:01:02:03"></mac>
  <source bridge="brtap"></source>
  <virtualport type="openvswitch">
    <parameters></parameters>
  </virtualport>
  <target dev="tapa1b2c3"></target>
  <model type="virtio"></model>
  <driver>
    <guest csum="off" tso4="off" tso6="off" ecn="off" ufo="off"></guest>
  </driver>
  <alias name="ua-tapline-c1-s1"></alias>
</interface>`, got)

	s.IfName = `a"<&>`
	got, err = hypervisor.NICXML(s, "c1", "brtap")
	require.NoError(t, err)
	assert.Contains(t, got, `<target dev="a&#34;&lt;&amp;&gt;"></target>`)
}
