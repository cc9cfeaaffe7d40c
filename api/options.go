package api

import (
	"encoding/json"
	"strconv"
)

// VLANAction says what happens to the outer VLAN tag of copies: "keep" or "", "strip", or the VLAN
// id in decimal digits that is pushed. In JSON a VLAN id is a number.
type VLANAction string

// MarshalJSON implements json.Marshaler.
func (a VLANAction) MarshalJSON() ([]byte, error) {
	if a == "" {
		return []byte(`"keep"`), nil
	}
	if n, err := strconv.ParseUint(string(a), 10, 16); err == nil {
		return strconv.AppendUint(nil, n, 10), nil
	}
	return json.Marshal(string(a))
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *VLANAction) UnmarshalJSON(data []byte) error {
	var n json.Number
	if len(data) > 0 && data[0] != '"' {
		if err := json.Unmarshal(data, &n); err != nil {
			return err
		}
		*a = VLANAction(n)
		return nil
	}
	return json.Unmarshal(data, (*string)(a))
}

// FilterError is what is wrong with a filter, and where.
type FilterError struct {
	Offset  int    `json:"offset"` // octets of the expression before the place
	Length  int    `json:"length"` // of the place, in octets; 0 if there is none
	Problem string `json:"problem"`
	Hint    string `json:"hint"` // what would be possible; "" if nothing is known
}
