package hypervisor

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// nicXML is libvirt's element for a virtual NIC on an Open vSwitch bridge (libvirt, "Domain XML format", "Network interfaces").
type nicXML struct {
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
	Alias struct {
		Name string `xml:"name,attr"`
	} `xml:"alias"`
}

// aliasPrefix begins the aliases of our NICs. Those of users begin with ua- (libvirt, "Domain XML format", "Device aliases").
const aliasPrefix = "ua-tapline-"

// alias marks the tap NIC of a service of a cluster. It may have letters, digits, '-' and '_', and so do ids that we make.
func alias(cluster, service string) string { return aliasPrefix + cluster + "-" + service }

// serviceOf is the service whose tap NIC has an alias; "" if it is not a NIC of the cluster.
func serviceOf(cluster, alias string) string {
	service, _ := strings.CutPrefix(alias, aliasPrefix+cluster+"-")
	if service == alias {
		return ""
	}
	return service
}

// NICXML is what `virsh attach-device` takes to plug a service's tap NIC into its guest.
func NICXML(s tap.Service, cluster, bridge string) (string, error) {
	n := nicXML{Type: "bridge"}
	n.MAC.Address, n.Source.Bridge, n.Target.Dev = s.MAC.String(), bridge, s.IfName
	n.VirtualPort.Type, n.Model.Type, n.Alias.Name = "openvswitch", "virtio", alias(cluster, s.ID)
	text, err := xml.MarshalIndent(n, "", "  ")
	if err != nil {
		return "", fmt.Errorf("NIC of tap service %s: %w", s.Name, err)
	}
	return string(text), nil
}
