//go:build linux

package e2e

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// intended is what the controller has acknowledged, kept apart from it, and where the guests are.
type intended struct {
	services map[string]*intendedService // by id
	flows    map[string]api.TapFlow      // by id
}

type intendedService struct {
	sink    *sink
	spare   *lab.Host // of a service of a host's NIC
	enabled bool
}

// at is the host where a service delivers.
func (s *intendedService) at() *lab.Host {
	if s.spare != nil {
		return s.spare
	}
	return s.sink.guest.Host()
}

func (s *intendedService) port() string {
	if s.spare != nil {
		return lab.SpareNIC
	}
	return s.sink.IfName
}

// standing is what must be on a host, in words that do not depend on how the controller got there.
type standing struct {
	ports   []string // BRIDGE PORT
	mirrors []string // BRIDGE, what is selected, output
	feeds   []string // patch port on brtap, and where its frames go
	takes   []string // what comes out of the tunnel, and where it goes
}

func (s *standing) sort() {
	for _, list := range []*[]string{&s.ports, &s.mirrors, &s.feeds, &s.takes} {
		slices.Sort(*list)
	}
}

// String is what stands, line by line.
func (s standing) String() string {
	return strings.Join(slices.Concat(s.ports, s.mirrors, s.feeds, s.takes), "\n")
}

// selection is what flows of one capture select together.
type selection struct {
	all             bool
	src, dst        map[string]bool
	inVLAN, outVLAN map[int]bool // at the uplink
	allVLAN         map[int]bool
}

// expected works out what must be on each host from what is intended alone.
func (m *intended) expected(soak *soak) map[*lab.Host]*standing {
	out := map[*lab.Host]*standing{}
	for _, h := range soak.Hosts {
		out[h] = &standing{ports: []string{"brtap tl-gre"}}
	}

	type where struct {
		from    *lab.Host
		service string
	}
	captures := map[where]*selection{}
	for _, f := range m.flows {
		if s := m.services[f.TapID]; !f.Enabled || !s.enabled {
			continue
		}

		from := soak.host(f)
		at := where{from, f.TapID}
		if captures[at] == nil {
			captures[at] = &selection{src: map[string]bool{}, dst: map[string]bool{},
				inVLAN: map[int]bool{}, outVLAN: map[int]bool{}, allVLAN: map[int]bool{}}
		}

		captures[at].add(f, soak)
	}

	for id, s := range m.services {
		if s.spare == nil || s.enabled {
			out[s.at()].ports = append(out[s.at()].ports, "brtap "+s.port())
		}
		if s.enabled {
			senders := []string{}
			for at := range captures {
				if at.service == id && at.from != s.at() {
					senders = append(senders, at.from.TunnelIP.String())
				}
			}

			for _, ip := range senders {
				out[s.at()].takes = append(out[s.at()].takes,
					fmt.Sprintf("from %s to %s", ip, s.port()))
			}
		}
	}

	for at, sel := range captures {
		s := m.services[at.service]
		sum := sha256.Sum256([]byte(lab.WireBridge + "\x00" + at.service))
		suffix := fmt.Sprintf("%x", sum[:4])
		here := out[at.from]
		here.ports = append(here.ports, lab.WireBridge+" tlm-"+suffix, "brtap tlt-"+suffix)
		to := "port " + s.port()
		if s.at() != at.from {
			to = "tunnel " + s.at().TunnelIP.String()
		}

		here.feeds = append(here.feeds, "tlt-"+suffix+" to "+to)
		for _, text := range sel.records() {
			here.mirrors = append(here.mirrors, lab.WireBridge+" "+text+" to tlm-"+suffix)
		}
	}

	for _, s := range out {
		s.sort()
	}

	return out
}

func (s *selection) add(f api.TapFlow, soak *soak) {
	port, vlan := lab.WireUplink, f.VLANID
	src, dst := s.src, s.dst
	if f.Type == "vnic" {
		port = soak.guestOf(f).IfName()
	} else {
		src, dst = dst, src // what comes in from the network enters the switch
	}

	switch {
	case f.Type == "vswitch" && f.Direction == "BOTH" && vlan == 0:
		s.all = true
	case vlan != 0 && f.Direction == "BOTH":
		s.allVLAN[vlan] = true
	case vlan != 0 && f.Direction == "IN":
		s.inVLAN[vlan] = true
	case vlan != 0:
		s.outVLAN[vlan] = true
	default:
		if f.Direction != "IN" {
			src[port] = true
		}
		if f.Direction != "OUT" {
			dst[port] = true
		}
	}
}

// records are the Mirror records that select this.
func (s *selection) records() []string {
	if s.all {
		return []string{"all"}
	}

	var out []string
	if len(s.src)+len(s.dst) > 0 {
		out = append(out, fmt.Sprintf("src%v dst%v", slices.Sorted(maps.Keys(s.src)),
			slices.Sorted(maps.Keys(s.dst))))
	}
	if len(s.allVLAN) > 0 {
		out = append(out, fmt.Sprintf("all vlan%v", slices.Sorted(maps.Keys(s.allVLAN))))
	}
	if len(s.inVLAN) > 0 {
		out = append(out, fmt.Sprintf("src[%s] dst[] vlan%v", lab.WireUplink,
			slices.Sorted(maps.Keys(s.inVLAN))))
	}
	if len(s.outVLAN) > 0 {
		out = append(out, fmt.Sprintf("src[] dst[%s] vlan%v", lab.WireUplink,
			slices.Sorted(maps.Keys(s.outVLAN))))
	}

	return out
}

var (
	feedLine = regexp.MustCompile(`priority=100(?:,recirc_id=0)?,in_port="?(tlt-[0-9a-f]{8})"? ` +
		`actions=load:(0x[0-9a-f]+)->OXM_OF_METADATA|` +
		`priority=100(?:,recirc_id=0)?,in_port="?(tlt-[0-9a-f]{8})"? ` +
		`actions=(?:resubmit\(,\d+\),)*write_metadata:(0x[0-9a-f]+)`)
	takeLine = regexp.MustCompile(`tun_id=(0x[0-9a-f]+|\d+),tun_src=([0-9.]+),` +
		`in_port="?tl-gre"? actions=write_metadata:(0x[0-9a-f]+)`)
	selectLine  = regexp.MustCompile(`table=2, priority=100,metadata=(0x[0-9a-f]+) `)
	deliverLine = regexp.MustCompile(`table=8, priority=100,metadata=(0x[0-9a-f]+) actions=(.*)$`)
	tunnelTo    = regexp.MustCompile(
		`load:(0x[0-9a-f]+)->NXM_NX_TUN_IPV4_DST|set_field:([0-9.]+)->tun_dst`)
	portTo = regexp.MustCompile(`output:"?([^"\s,]+)"?`)
)

// seen reads what is on a host by the switch's own tools.
func (s *soak) seen(h *lab.Host) (*standing, error) {
	d, err := read(h)
	if err != nil {
		return nil, err
	}

	out := &standing{}
	for key, r := range d {
		switch table, _, _ := strings.Cut(key, "/"); {
		case table == "Bridge":
			for _, port := range strings.Fields(strings.Trim(r["ports"], "[]")) {
				if strings.HasPrefix(port, "tl") || r["name"] == "brtap" && port != "brtap" {
					out.ports = append(out.ports, r["name"]+" "+port)
				}
			}
			for _, m := range d {
				if m["output_port"] == "" || !strings.Contains(" "+strings.Trim(r["mirrors"],
					"[]")+" ", " "+m["name"]+" ") {
					continue
				}

				text := fmt.Sprintf("src%s dst%s", bracketed(m["select_src_port"]),
					bracketed(m["select_dst_port"]))

				if everyPort(m) {
					text = "all"
				}
				if v := bracketed(m["select_vlan"]); v != "[]" {
					text += " vlan" + v
				}

				out.mirrors = append(out.mirrors, r["name"]+" "+text+" to "+m["output_port"])
			}
		}
	}

	flows, err := h.OFCtl("--no-stats", "--names", "dump-flows", "brtap")
	if err != nil {
		return nil, err
	}

	delivers := map[string]string{}
	var lines []string
	for _, line := range strings.Split(flows, "\n") {
		line = strings.TrimSpace(line)
		if match := deliverLine.FindStringSubmatch(line); match != nil {
			to := ""
			if t := tunnelTo.FindStringSubmatch(match[2]); t != nil {
				to = "tunnel " + address(t[1]+t[2])
			} else if p := portTo.FindStringSubmatch(match[2]); p != nil {
				to = "port " + p[1]
			}
			delivers[match[1]] = to
		}

		lines = append(lines, line)
	}

	used := map[string]bool{}
	for _, line := range lines {
		if match := feedLine.FindStringSubmatch(line); match != nil {
			port, metadata := match[1]+match[3], match[2]+match[4]
			used[metadata] = true
			out.feeds = append(out.feeds, port+" to "+delivers[metadata])
		}
		if match := takeLine.FindStringSubmatch(line); match != nil {
			used[match[3]] = true
			out.takes = append(out.takes, "from "+match[2]+" to "+
				strings.TrimPrefix(delivers[match[3]], "port "))
		}
	}

	for _, line := range lines {
		if match := selectLine.FindStringSubmatch(line); match != nil && !used[match[1]] {
			out.feeds = append(out.feeds, "left over: "+line)
		}
	}

	out.sort()
	return out, nil
}

func bracketed(s string) string {
	if strings.HasPrefix(s, "[") {
		return s
	}
	return "[" + s + "]"
}

// address is an IPv4 address from its text or its number.
func address(s string) string {
	var n uint32
	if _, err := fmt.Sscanf(s, "0x%x", &n); err != nil {
		return s
	}
	return fmt.Sprintf("%d.%d.%d.%d", n>>24, n>>16&255, n>>8&255, n&255)
}

// compare holds all hosts against what must be there.
func (s *soak) compare(ctx context.Context) error {
	var all error
	for h, want := range s.model.expected(s) {
		got, err := s.seen(h)
		if err != nil {
			return err
		}
		if diff := difference(want.String(), got.String()); diff != "" {
			all = errors.Join(all, fmt.Errorf("%s: want - have +\n%s", h.Name, diff))
		}
	}

	return all
}
