package desired

import (
	"encoding/json"
	"regexp"
	"strconv"
	"time"

	"github.com/tapline-sdn/tapline/api/document"
)

// narrowing are the fields that narrow what a tap flow copies. A document without them does not
// narrow it.
var narrowing = []string{"vlan_id", "filter", "snaplen", "sample", "vlan"}

// timeFields are the fields that hold a time.
var timeFields = []string{"starts_at", "expires_at"}

// checkTimes checks the fields that hold a time.
func (r *Resource) checkTimes() (errs document.Errors) {
	for _, name := range timeFields {
		value, given := r.fields[name]
		if !given {
			continue
		}
		text, _ := value.(string)
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			errs = append(errs, r.fault(name,
				"%v is not a time: want one such as 2026-11-30T08:00:00Z", value))
			delete(r.fields, name)
		}
	}
	return errs
}

// normalizeOptions writes what a tap flow does to its copies, and when it runs, in one form. What
// is the same as nothing is left out, as the API shows 0 for a tap flow without a VLAN.
func normalizeOptions(fields map[string]any) {
	if fields["sample"] == json.Number("1") {
		delete(fields, "sample")
	}
	if fields["vlan"] == "keep" {
		delete(fields, "vlan")
	}
	for _, name := range narrowing {
		if isZero(fields[name]) {
			delete(fields, name)
		}
	}

	if text, ok := fields["vlan"].(string); ok {
		if _, err := strconv.ParseUint(text, 10, 16); err == nil {
			fields["vlan"] = json.Number(text)
		}
	}

	for _, name := range timeFields {
		text, _ := fields[name].(string)
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			fields[name] = timeText(at)
		}
	}
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// rateForm matches a rate limit: a number, a prefix of its unit, and the unit.
var rateForm = regexp.MustCompile(`^([0-9]+) ?([kKMG]?)(bit/s|pps)$`)

// rate is a rate limit as a number and its unit. It is not ok if the text is no rate.
func rate(v any) (n uint64, unit string, ok bool) {
	text, _ := v.(string)
	match := rateForm.FindStringSubmatch(text)
	if match == nil {
		return 0, "", false
	}

	n, err := strconv.ParseUint(match[1], 10, 64)
	factor := map[string]uint64{"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}[match[2]]
	return n * factor, match[3], err == nil
}
