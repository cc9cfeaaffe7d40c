package hypervisor

import (
	"fmt"
	"strings"

	"libvirt.org/go/libvirtxml"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// aliasPrefix begins the aliases of our NICs. libvirt reserves "ua-" for aliases of users (libvirt,
// "Domain XML format", "Device aliases").
const aliasPrefix = "ua-tapline-"

// alias marks the tap NIC of a cluster's tap service. libvirt allows letters, digits, '-' and '_',
// and our ids have no other characters.
func alias(cluster, service string) string { return aliasPrefix + cluster + "-" + service }

// serviceOf returns the tap service whose NIC has an alias, or "" if the NIC is not the cluster's.
func serviceOf(cluster, alias string) string {
	service, ours := strings.CutPrefix(alias, aliasPrefix+cluster+"-")
	if !ours {
		return ""
	}
	return service
}

// NICXML returns the description that `virsh attach-device` takes to plug the tap NIC of a service
// into its guest.
func NICXML(s tap.Service, cluster, bridge string) (string, error) {
	nic := libvirtxml.DomainInterface{
		MAC: &libvirtxml.DomainInterfaceMAC{Address: s.MAC.String()},
		Source: &libvirtxml.DomainInterfaceSource{
			Bridge: &libvirtxml.DomainInterfaceSourceBridge{Bridge: bridge},
		},
		VirtualPort: &libvirtxml.DomainInterfaceVirtualPort{
			Params: &libvirtxml.DomainInterfaceVirtualPortParams{
				OpenVSwitch: &libvirtxml.DomainInterfaceVirtualPortParamsOpenVSwitch{},
			},
		},
		Target: &libvirtxml.DomainInterfaceTarget{Dev: s.IfName},
		Model:  &libvirtxml.DomainInterfaceModel{Type: "virtio"},
		Driver: &libvirtxml.DomainInterfaceDriver{
			// With offloads the guest would get merged segments and partial checksums, instead of
			// the frames that were on the wire.
			Guest: &libvirtxml.DomainInterfaceDriverGuest{
				CSum: "off", TSO4: "off", TSO6: "off", ECN: "off", UFO: "off",
			},
		},
		Alias: &libvirtxml.DomainAlias{Name: alias(cluster, s.ID)},
	}

	text, err := nic.Marshal()
	if err != nil {
		return "", fmt.Errorf("describe the NIC of tap service %s: %w", s.Name, err)
	}

	return text, nil
}
