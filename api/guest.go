package api

// Guest is a virtual machine or container, declared or learned from the switches.
type Guest struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Declared bool   `json:"declared"`
	// State is the hypervisor's word, such as running or shut off; "" where no hypervisor is asked.
	State string `json:"state"`
	// Host is where the hypervisor has the guest, also while it is off; "" where no hypervisor is asked.
	HostID string     `json:"host_id"`
	Host   string     `json:"host"`
	NICs   []GuestNIC `json:"nics"`
	// Sources says where facts come from (declared, ovsdb, libvirt), by name of the field.
	Sources map[string][]string `json:"sources"`
	// DeclaredNICs are what was declared of NICs, to which NICs adds what is seen.
	DeclaredNICs []GuestNICCreate `json:"declared_nics"`
	AppliedBy    string           `json:"applied_by"` // apply set that made it; "" if none did

	ETag string `json:"-"` // header of answers with one declared guest; "" elsewhere
}

// GuestNIC is a NIC of a guest and where it is plugged; HostID is "" while it is not.
type GuestNIC struct {
	MAC     string   `json:"mac"`
	IPAddrs []string `json:"ip_addrs"`
	IfName  string   `json:"ifname"`
	HostID  string   `json:"host_id"`
	Host    string   `json:"host"`
	Bridge  string   `json:"bridge"`
	Port    string   `json:"port"`
	// Sources says where facts come from (declared, ovsdb, libvirt), by name of the field.
	Sources map[string][]string `json:"sources"`
}

// GuestNICCreate is a NIC of a guest as it is declared.
type GuestNICCreate struct {
	MAC    string `json:"mac"`
	IP     string `json:"ip,omitempty"`
	IfName string `json:"ifname,omitempty"`
}

// GuestCreate declares a guest.
type GuestCreate struct {
	ID   string           `json:"id,omitempty"` // made if ""
	Name string           `json:"name"`
	NICs []GuestNICCreate `json:"nics"`

	AppliedBy string `json:"applied_by,omitempty"` // apply set that makes it
}

// GuestPatch changes a declared guest. NICs replaces.
type GuestPatch struct {
	Name *string           `json:"name,omitempty"`
	NICs *[]GuestNICCreate `json:"nics,omitempty"`
}

// GuestList answers a list of guests.
type GuestList struct {
	Guests []Guest `json:"guests"`
	Total  int     `json:"total"`
}
