package desired_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/desired"
)

// TestExpiredStaysOff: a document that enables a tap flow whose time has passed changes nothing,
// unless it gives another expiry: the controller would refuse it again and again.
func TestExpiredStaysOff(t *testing.T) {
	past := time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	now := state()
	flow := &now.TapFlows[0]
	flow.Enabled, flow.ReasonCode, flow.ExpiresAt = false, "expired", &past

	const document = "kind: tap_flow\nname: web\ntype: vnic\ntap_id: ids\nguest_id: vm1\n" +
		"direction: IN\nenabled: true\n"
	for expiry, want := range map[string][]string{
		"":                          {},
		"2026-11-30T09:00:00+01:00": {},
		"2126-11-30T08:00:00Z":      {"enabled", "expires_at"},
	} {
		text := document
		if expiry != "" {
			text += "expires_at: \"" + expiry + "\"\n"
		}
		resources, err := desired.Read([]string{"-"}, strings.NewReader(text))
		require.NoError(t, err)
		changes, err := desired.Compare(desired.NewCurrent(now), resources,
			desired.Options{Set: "lab"})
		require.NoError(t, err)

		fields := []string{}
		for _, f := range changes[0].Fields {
			fields = append(fields, f.Name)
		}
		require.Equal(t, want, fields, expiry)
	}
}

// TestServiceSteps: a tap service is switched by a request of its own, and changed by a patch where
// more is another.
func TestServiceSteps(t *testing.T) {
	const document = "kind: tap_service\nname: ids\ntype: guest\ntarget_id: vm2\n"
	for more, want := range map[string]string{
		"enabled: false\n": "disable ",
		"enabled: false\nrate_limit: 10Mbit/s\nlabels: {a: b}\n": `update {"enabled":false,` +
			`"labels":{"a":"b"},"rate_limit":"10Mbit/s"}`,
	} {
		_, changes, err := compare(document+more, desired.Options{Set: "lab"})
		require.NoError(t, err)
		steps, err := desired.Steps(changes, "lab")
		require.NoError(t, err)
		require.Len(t, steps, 1)
		require.Equal(t, want, steps[0].Action+" "+string(steps[0].Body))
	}
}
