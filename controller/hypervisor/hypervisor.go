// Package hypervisor is about how the tap NIC of a guest gets plugged into it. With the driver "none" somebody else plugs the
// NIC, wherever it suits him: Tapline recognises it by its address or name and moves it to the tap bridge.
package hypervisor

import (
	"encoding/xml"
	"fmt"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// nic is libvirt's element for a virtual NIC on an Open vSwitch bridge (libvirt, "Domain XML format", "Network interfaces").
type nic struct {
	XMLName xml.Name `xml:"interface"`
	Type    string   `xml:"type,attr"`
	MAC     struct {
		Address string `xml:"address,attr"`
	} `xml:"mac"`
	Source struct {
		Bridge string `xml:"bridge,attr"`
	} `xml:"source"`
	VirtualPort struct {
		Type string `xml:"type,attr"`
	} `xml:"virtualport"`
	Target struct {
		Dev string `xml:"dev,attr"`
	} `xml:"target"`
	Model struct {
		Type string `xml:"type,attr"`
	} `xml:"model"`
}

// NICXML is what `virsh attach-device` takes to plug a service's tap NIC into its guest.
func NICXML(s tap.Service, bridge string) (string, error) {
	n := nic{Type: "bridge"}
	n.MAC.Address, n.Source.Bridge, n.Target.Dev = s.MAC.String(), bridge, s.IfName
	n.VirtualPort.Type, n.Model.Type = "openvswitch", "virtio"
	text, err := xml.MarshalIndent(n, "", "  ")
	if err != nil {
		return "", fmt.Errorf("NIC of tap service %s: %w", s.Name, err)
	}
	return string(text), nil
}
