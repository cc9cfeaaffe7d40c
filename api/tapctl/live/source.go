package live

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
)

// source is what is captured, by flags.
type source struct {
	guest, mac         string
	host, wire         string
	vlan               uint16
	direction, filter  string
	snaplen, rateLimit string
	count              uint64
	limit              time.Duration
}

func (s *source) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&s.guest, "guest-id", "", "capture the NIC of this guest")
	flags.StringVar(&s.mac, "mac-addr", "", "MAC address of the NIC, if the guest has several")
	flags.StringVar(&s.host, "host-id", "", "capture the virtual switch of a wire on this host")
	flags.StringVar(&s.wire, "wire-id", "", "the wire")
	flags.Uint16Var(&s.vlan, "vlan-id", 0, "only this VLAN of the virtual switch")
	flags.StringVar(&s.direction, "direction", "", "IN, OUT or BOTH (default)")
	flags.StringVar(&s.filter, "filter", "",
		"only packets that match, such as 'tcp port 443'; see pcap-filter(7)")
	flags.StringVar(&s.snaplen, "snaplen", "", "octets of each packet that are kept (default all)")
	flags.StringVar(&s.rateLimit, "rate-limit", "",
		"packets a second that each switch sends at most (default 2000pps, at most 10000pps)")
	flags.Uint64VarP(&s.count, "count", "c", 0, "end after so many packets")
	flags.DurationVar(&s.limit, "for", 0, "end after a time, such as 60s")
	cmd.MarkFlagsOneRequired("guest-id", "host-id")
	cmd.MarkFlagsMutuallyExclusive("guest-id", "host-id")
	cmd.MarkFlagsRequiredTogether("host-id", "wire-id")
}

// options are the parameters of a request.
func (s *source) options() ([]client.Option, error) {
	if s.limit < 0 {
		return nil, cli.Usage("--for: want a time such as 60s")
	}

	given := map[string]string{
		"guest_id": s.guest, "mac_addr": s.mac, "host_id": s.host, "wire_id": s.wire,
		"direction": s.direction, "filter": s.filter, "snaplen": s.snaplen,
		"rate_limit": s.rateLimit,
	}
	if s.vlan != 0 {
		given["vlan_id"] = strconv.Itoa(int(s.vlan))
	}
	if s.count != 0 {
		given["count"] = strconv.FormatUint(s.count, 10)
	}
	if s.limit != 0 {
		given["duration"] = s.limit.String()
	}

	var opts []client.Option
	for name, value := range given {
		if value != "" {
			opts = append(opts, client.Where(name, value))
		}
	}
	return opts, nil
}

// name is the source for people.
func (s *source) name() string {
	if s.guest != "" {
		return "guest " + s.guest
	}
	return "wire " + s.wire + " on host " + s.host
}
