package manage

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
)

// optionFlags are the flags of what a tap flow does to its copies.
type optionFlags struct {
	filter          string
	snaplen, sample int
	vlan            string
}

func (f *optionFlags) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.filter, "filter", "",
		"only packets that this expression of tcpdump's language matches, such as "+
			"'tcp port 443', or none")
	flags.IntVar(&f.snaplen, "snaplen", 0,
		"keep this many octets of each packet, 64..65535 (0 = whole packets)")
	flags.IntVar(&f.sample, "sample", 0, "keep one connection in N, 2..256 (0 = all)")
	flags.StringVar(&f.vlan, "vlan", "",
		"VLAN tag of the copies: keep (default), strip, or a VLAN id 1..4094 that is added")
}

// vlanAction reads keep, strip or a VLAN id.
func (f *optionFlags) vlanAction() (api.VLANAction, error) {
	n, err := strconv.ParseUint(f.vlan, 10, 16)
	if f.vlan == "keep" || f.vlan == "strip" || err == nil && n >= 1 && n <= 4094 {
		return api.VLANAction(f.vlan), nil
	}
	return "", cli.Usage("--vlan %q is not accepted: want keep, strip, or a VLAN id 1..4094",
		f.vlan)
}

// create sets the options of a tap flow that is being created.
func (f *optionFlags) create(cmd *cobra.Command, body *api.TapFlowCreate) (err error) {
	body.Filter, body.Snaplen, body.Sample = orNothing(f.filter), f.snaplen, f.sample
	if cmd.Flags().Changed("vlan") {
		body.VLAN, err = f.vlanAction()
	}
	return err
}

// update sets what the flags change.
func (f *optionFlags) update(cmd *cobra.Command, patch *api.TapFlowPatch) error {
	if cmd.Flags().Changed("filter") {
		patch.Filter = api.Set(orNothing(f.filter))
	}
	if cmd.Flags().Changed("snaplen") {
		patch.Snaplen = api.Set(f.snaplen)
	}
	if cmd.Flags().Changed("sample") {
		patch.Sample = api.Set(f.sample)
	}
	if !cmd.Flags().Changed("vlan") {
		return nil
	}

	action, err := f.vlanAction()
	patch.VLAN = api.Set(action)
	return err
}

// windowFlags are the flags of when a tap flow runs.
type windowFlags struct {
	lasts, expires, starts string
}

// bindExpiry adds the flags of when a tap flow ends.
func (f *windowFlags) bindExpiry(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.lasts, "for", "",
		"disable it after this time, such as 30m, 2h or 7d from its start")
	cmd.Flags().StringVar(&f.expires, "expires-at", "",
		"disable it at this time, such as 2026-11-30T08:00:00Z, or never")
	cmd.MarkFlagsMutuallyExclusive("for", "expires-at")
}

// bind adds the flags of when a tap flow starts and ends.
func (f *windowFlags) bind(cmd *cobra.Command) {
	f.bindExpiry(cmd)
	cmd.Flags().StringVar(&f.starts, "starts-at", "",
		"start it at this time, such as 2026-11-30T08:00:00Z, or now")
}

// times returns what the flags say of the start and of the expiry.
func (f *windowFlags) times(now time.Time) (starts, expires api.Field[time.Time], err error) {
	if starts, err = readTime("starts-at", f.starts, "now"); err != nil {
		return starts, expires, err
	}
	if f.lasts == "" {
		expires, err = readTime("expires-at", f.expires, "never")
		return starts, expires, err
	}

	lasts, err := readLasting(f.lasts)
	if starts.Value != nil && starts.Value.After(now) {
		now = *starts.Value
	}
	return starts, api.Set(now.Add(lasts).UTC().Truncate(time.Second)), err
}

// readTime reads the value of a flag: a time, or the word for none.
func readTime(flag, text, none string) (api.Field[time.Time], error) {
	switch text {
	case "":
		return api.Field[time.Time]{}, nil
	case none:
		return api.Remove[time.Time](), nil
	}

	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return api.Field[time.Time]{}, cli.Usage(
			"--%s %q is not a time: want one such as 2026-11-30T08:00:00Z, or %s", flag, text, none)
	}
	return api.Set(at), nil
}

// readLasting reads how long a tap flow runs: a Go duration, or a number of days such as 7d.
func readLasting(text string) (time.Duration, error) {
	lasts, err := time.ParseDuration(text)
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 12)
		lasts = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || lasts < time.Second {
		return 0, cli.Usage("--for %q is not accepted: want a time such as 30m, 2h or 7d", text)
	}
	return lasts, nil
}
