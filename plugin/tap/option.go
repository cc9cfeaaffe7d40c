package tap

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Options say what a tap flow does to its copies. The zero value copies everything, whole and
// unchanged.
type Options struct {
	// Filter is an expression of pcap-filter(7); "" selects everything.
	Filter string `json:"filter,omitempty"`

	// Snaplen is how many octets of a frame are kept, from its Ethernet header on:
	// [MinSnaplen] to [MaxSnaplen], or 0 for whole frames.
	Snaplen uint32 `json:"snaplen,omitempty"`

	// Sample keeps one connection in so many, in both directions together: 2 to [MaxSample]. 0
	// keeps all connections. 1 means the same, and is stored as 0.
	Sample uint32 `json:"sample,omitempty"`

	// Tag says what happens to the outer VLAN tag.
	Tag VLANAction `json:"vlan,omitzero"`
}

// Bounds of [Options].
const (
	MinSnaplen = 64
	MaxSnaplen = 65535

	// MaxSample is how many values the hash of Open vSwitch's select groups has.
	MaxSample = 256
)

// Normalized returns the options in the form in which they are stored and compared.
func (o Options) Normalized() Options {
	if o.Sample == 1 {
		o.Sample = 0
	}
	return o
}

// VLANAction says what happens to the VLAN tag of copies: the outer one is kept, which is the zero
// value, or taken off, or another tag is pushed. A value of 1 to [MaxVLAN] pushes that VLAN id.
type VLANAction uint16

// The actions that push no tag.
const (
	VLANKeep  VLANAction = 0
	VLANStrip VLANAction = 0xffff
)

// Push returns the VLAN id that is pushed, and false if none is.
func (a VLANAction) Push() (vid uint16, push bool) {
	return uint16(a), a != VLANKeep && a != VLANStrip
}

// ParseVLANAction reads "keep", "strip" or a VLAN id of 1 to [MaxVLAN]. The empty string is
// [VLANKeep].
func ParseVLANAction(text string) (VLANAction, error) {
	switch text {
	case "", "keep":
		return VLANKeep, nil
	case "strip":
		return VLANStrip, nil
	}

	vid, err := strconv.ParseUint(text, 10, 16)
	if err != nil || vid < 1 || vid > MaxVLAN {
		return 0, fmt.Errorf("%q is not a VLAN action: want keep, strip, or a VLAN id of 1 to %d",
			text, MaxVLAN)
	}
	return VLANAction(vid), nil
}

// String is the form that [ParseVLANAction] reads.
func (a VLANAction) String() string {
	switch a {
	case VLANKeep:
		return "keep"
	case VLANStrip:
		return "strip"
	}
	return strconv.Itoa(int(a))
}

// MarshalText implements encoding.TextMarshaler.
func (a VLANAction) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *VLANAction) UnmarshalText(text []byte) error {
	action, err := ParseVLANAction(string(text))
	if err != nil {
		return err
	}
	*a = action
	return nil
}

// MarshalJSON writes "keep", "strip" or the number of the VLAN.
func (a VLANAction) MarshalJSON() ([]byte, error) {
	if vid, push := a.Push(); push {
		return strconv.AppendUint(nil, uint64(vid), 10), nil
	}
	return json.Marshal(a.String())
}

// UnmarshalJSON reads what [ParseVLANAction] reads, and numbers. null leaves the value as it is.
func (a *VLANAction) UnmarshalJSON(data []byte) error {
	switch {
	case string(data) == "null":
		return nil
	case len(data) == 0 || data[0] != '"':
		return a.UnmarshalText(data)
	}

	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	return a.UnmarshalText([]byte(text))
}
