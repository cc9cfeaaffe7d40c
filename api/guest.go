package api

// Guest is a virtual machine or container, declared or learned from the switches.
type Guest struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Declared bool   `json:"declared"`
	// State is that of the hypervisor, such as running or shut off; "" without a hypervisor.
	State string `json:"state"`
	// HostID is the host that has the guest, also while it is off; "" without a hypervisor.
	HostID string     `json:"host_id"`
	Host   string     `json:"host"`
	NICs   []GuestNIC `json:"nics"`
	// Sources is where the value of each field comes from: declared, ovsdb, libvirt.
	Sources map[string][]string `json:"sources"`
	// DeclaredNICs are the declared NICs. NICs also has what was observed.
	DeclaredNICs []GuestNICCreate `json:"declared_nics"`

	// Labels are the declared labels, and those that the switches show. Sources has them as
	// labels.KEY.
	Labels         map[string]string `json:"labels"`
	DeclaredLabels map[string]string `json:"declared_labels"`
	Description    string            `json:"description"`

	AppliedBy string `json:"applied_by"` // apply set that created it; "" if none did

	ETag string `json:"-"` // of answers with one declared guest; "" elsewhere
}

// GuestNIC is a NIC of a guest, and where it is plugged. HostID is "" while it is not plugged.
type GuestNIC struct {
	MAC     string   `json:"mac"`
	IPAddrs []string `json:"ip_addrs"`
	IfName  string   `json:"ifname"`
	HostID  string   `json:"host_id"`
	Host    string   `json:"host"`
	Bridge  string   `json:"bridge"`
	Port    string   `json:"port"`
	// Sources is where the value of each field comes from: declared, ovsdb, libvirt.
	Sources map[string][]string `json:"sources"`
}

// GuestNICCreate is a declared NIC of a guest.
type GuestNICCreate struct {
	MAC    string `json:"mac"`
	IP     string `json:"ip,omitempty"`
	IfName string `json:"ifname,omitempty"`
}

// GuestCreate declares a guest.
type GuestCreate struct {
	ID   string           `json:"id,omitempty"` // "": the server makes one
	Name string           `json:"name"`
	NICs []GuestNICCreate `json:"nics"`

	Labels      map[string]string `json:"labels,omitempty"`
	Description string            `json:"description,omitempty"`

	AppliedBy string `json:"applied_by,omitempty"` // apply set that creates it
}

// GuestPatch changes a declared guest. NICs replaces all NICs.
type GuestPatch struct {
	Name *string           `json:"name,omitempty"`
	NICs *[]GuestNICCreate `json:"nics,omitempty"`

	// Labels are merged into the labels, nil removes one. Remove removes all.
	Labels      Field[map[string]*string] `json:"labels,omitzero"`
	Description Field[string]             `json:"description,omitzero"`
}

// GuestList is the answer to a list of guests.
type GuestList struct {
	Guests []Guest `json:"guests"`
	Total  int     `json:"total"`
}
