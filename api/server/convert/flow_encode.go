package convert

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/tapline-sdn/tapline/api"
)

// AppendFlow appends the JSON of a tap flow to b. Lists have tens of thousands of flows, so it is
// written field by field; the result is the same as that of encoding/json.
func AppendFlow(b []byte, f api.TapFlow) (_ []byte, err error) {
	for _, field := range []struct{ name, value string }{
		{`{"id":`, f.ID}, {`,"name":`, f.Name},
		{`,"tap_id":`, f.TapID}, {`,"tap_name":`, f.TapName}, {`,"type":`, f.Type},
		{`,"guest_id":`, f.GuestID}, {`,"guest_name":`, f.GuestName},
		{`,"host_id":`, f.HostID}, {`,"host_name":`, f.HostName}, {`,"wire_id":`, f.WireID},
		{`,"mac_addr":`, f.MACAddr}, {`,"ip_addr":`, f.IPAddr},
	} {
		b = appendText(append(b, field.name...), field.value)
	}

	b = strconv.AppendInt(append(b, `,"vlan_id":`...), int64(f.VLANID), 10)
	b = appendText(append(b, `,"selector":`...), f.Selector)
	b = appendText(append(b, `,"direction":`...), f.Direction)
	if b, err = appendOptions(b, &f); err != nil {
		return nil, err
	}
	b = strconv.AppendBool(append(b, `,"enabled":`...), f.Enabled)
	b = appendText(append(b, `,"status":`...), string(f.Status))
	b = appendText(append(b, `,"reason":`...), f.Reason)
	b = appendText(append(b, `,"reason_code":`...), f.ReasonCode)

	if b, err = appendCounters(append(b, `,"counters":`...), f.Counters); err != nil {
		return nil, err
	}
	b = appendMembers(append(b, `,"members":`...), f.Members)
	if b, err = appendLabels(append(b, `,"labels":`...), f.Labels); err != nil {
		return nil, err
	}
	b = appendText(append(b, `,"description":`...), f.Description)
	if b, err = appendTime(append(b, `,"created_at":`...), f.CreatedAt); err != nil {
		return nil, err
	}
	if b, err = appendTime(append(b, `,"updated_at":`...), f.UpdatedAt); err != nil {
		return nil, err
	}

	return append(appendText(append(b, `,"applied_by":`...), f.AppliedBy), '}'), nil
}

// appendOptions appends what a tap flow does to its copies, and when it runs.
func appendOptions(b []byte, f *api.TapFlow) (_ []byte, err error) {
	b = appendText(append(b, `,"filter":`...), f.Filter)
	b = strconv.AppendInt(append(b, `,"snaplen":`...), int64(f.Snaplen), 10)
	b = strconv.AppendInt(append(b, `,"sample":`...), int64(f.Sample), 10)
	if b, err = appendVLAN(append(b, `,"vlan":`...), f.VLAN); err != nil {
		return nil, err
	}
	if b, err = appendOptionalTime(append(b, `,"starts_at":`...), f.StartsAt); err != nil {
		return nil, err
	}
	return appendOptionalTime(append(b, `,"expires_at":`...), f.ExpiresAt)
}

func appendMembers(b []byte, m *api.MemberCounts) []byte {
	if m == nil {
		return append(b, "null"...)
	}
	b = strconv.AppendInt(append(b, `{"total":`...), int64(m.Total), 10)
	b = strconv.AppendInt(append(b, `,"ready":`...), int64(m.Ready), 10)
	b = strconv.AppendInt(append(b, `,"pending":`...), int64(m.Pending), 10)
	return append(strconv.AppendInt(append(b, `,"error":`...), int64(m.Error), 10), '}')
}

func appendVLAN(b []byte, a api.VLANAction) ([]byte, error) {
	if a == "keep" {
		return append(b, `"keep"`...), nil
	}
	return AppendJSON(b, a)
}

func appendLabels(b []byte, labels map[string]string) ([]byte, error) {
	if labels != nil && len(labels) == 0 {
		return append(b, "{}"...), nil
	}
	return AppendJSON(b, labels)
}

func appendOptionalTime(b []byte, t *time.Time) ([]byte, error) {
	if t == nil {
		return append(b, "null"...), nil
	}
	return appendTime(b, *t)
}

func appendCounters(b []byte, c api.Counters) (_ []byte, err error) {
	if b, err = appendFlowing(append(b, `{"captured":`...), &c.Captured); err != nil {
		return nil, err
	}
	b = appendCount(append(b, `,"guarded":`...), &c.Guarded)
	if b, err = appendFlowing(append(b, `,"delivered":`...), c.Delivered); err != nil {
		return nil, err
	}
	b = appendCount(append(b, `,"lost":`...), c.Lost)
	b = appendCount(append(b, `,"filtered":`...), &c.Filtered)
	b = appendCount(append(b, `,"limited":`...), c.Limited)

	b = strconv.AppendBool(append(b, `,"shared":`...), c.Shared)
	if b, err = appendByMAC(append(b, `,"by_mac":`...), c.ByMAC); err != nil {
		return nil, err
	}
	b = strconv.AppendBool(append(b, `,"merging":`...), c.Merging)
	b = appendCut(append(b, `,"cut":`...), c.Cut)
	b = append(b, `,"sampled_at":`...)
	if c.SampledAt == nil {
		return append(b, "null}"...), nil
	}
	if b, err = appendTime(b, *c.SampledAt); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func appendByMAC(b []byte, own *api.ByMAC) (_ []byte, err error) {
	if own == nil {
		return append(b, "null"...), nil
	}
	if b, err = appendFlowing(append(b, `{"captured":`...), &own.Captured); err != nil {
		return nil, err
	}
	b = appendCount(append(b, `,"selected":`...), own.Selected)
	return append(appendCount(append(b, `,"unexplained":`...), &own.Unexplained), '}'), nil
}

func appendFlowing(b []byte, f *api.Flowing) (_ []byte, err error) {
	if f == nil {
		return append(b, "null"...), nil
	}
	b = strconv.AppendUint(append(b, `{"packets":`...), f.Packets, 10)
	b = strconv.AppendUint(append(b, `,"bytes":`...), f.Bytes, 10)

	b = append(b, `,"packets_per_second":`...)
	if b, err = appendNumber(b, f.PacketsPerSecond); err != nil {
		return nil, err
	}
	if b, err = appendNumber(append(b, `,"bits_per_second":`...), f.BitsPerSecond); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func appendCount(b []byte, c *api.Count) []byte {
	if c == nil {
		return append(b, "null"...)
	}
	b = strconv.AppendUint(append(b, `{"packets":`...), c.Packets, 10)
	return append(strconv.AppendUint(append(b, `,"bytes":`...), c.Bytes, 10), '}')
}

func appendCut(b []byte, c *api.Cut) []byte {
	if c == nil {
		return append(b, "null"...)
	}
	b = strconv.AppendUint(append(b, `{"size":`...), uint64(c.Size), 10)
	b = strconv.AppendUint(append(b, `,"source_mtu":`...), uint64(c.SourceMTU), 10)
	b = strconv.AppendUint(append(b, `,"mtu":`...), uint64(c.MTU), 10)
	return append(appendText(append(b, `,"reason":`...), c.Reason), '}')
}

// appendNumber appends whole numbers itself, and leaves the others to encoding/json.
func appendNumber(b []byte, f float64) ([]byte, error) {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 && !(f == 0 && math.Signbit(f)) {
		return strconv.AppendInt(b, int64(f), 10), nil
	}
	return AppendJSON(b, f)
}

// appendText appends plain ASCII itself, and leaves text that needs escapes to encoding/json.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if !plain(s[i]) {
			text, _ := json.Marshal(s) // A string has no error.
			return append(b, text...)
		}
	}

	return append(append(append(b, '"'), s...), '"')
}

// plain reports whether encoding/json writes a character as it is.
func plain(c byte) bool {
	return c >= ' ' && c <= '~' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
}

func appendTime(b []byte, t time.Time) ([]byte, error) {
	b, err := t.AppendText(append(b, '"'))
	if err != nil {
		return nil, fmt.Errorf("time %v: %w", t, err)
	}

	return append(b, '"'), nil
}

// AppendJSON appends the JSON of any value to b.
func AppendJSON[T any](b []byte, v T) ([]byte, error) {
	text, err := json.Marshal(v)

	return append(b, text...), err
}
