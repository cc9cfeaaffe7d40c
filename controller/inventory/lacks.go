package inventory

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Facts are what tells the abilities of a switch.
type Facts struct {
	Version   string // Open_vSwitch:ovs_version
	NoGRE     bool   // it has said that it cannot receive GRE
	Datapaths []DatapathFacts
}

// DatapathFacts are what tells the abilities of the bridges of one type of datapath.
type DatapathFacts struct {
	Type         string        // "system" or "netdev"
	Capabilities vswitch.Pairs // Datapath:capabilities; empty where the switch does not tell them
}

// verdict says whether a switch lacks something.
type verdict uint8

const (
	no verdict = iota
	yes
	untold // the switch does not tell
)

func verdictOf(lacks bool) verdict {
	if lacks {
		return yes
	}
	return no
}

// Shortcoming describes something that some switches lack.
type Shortcoming struct {
	Code tap.LackCode
	// Datapath is the type of datapath that it concerns; "" where it is the whole switch.
	Datapath string
	Where    string // which releases and kernels lack it
	What     string // what the switch does, as a sentence without its end
	Costs    string // what that means to users, as sentences

	lacks func(f Facts, d DatapathFacts) verdict
}

// shortcomings is the table of all that this program knows of, in the order of README.
var shortcomings = []Shortcoming{
	{tap.LackFlowMonitor, "", "before 3.0",
		"It has no flow monitor for OpenFlow 1.3",
		"OpenFlow flows of Tapline that others delete or add are repaired within 0.1 s instead " +
			"of at once, those that they change within 2 s.",
		func(f Facts, _ DatapathFacts) verdict { return olderThan(f.Version, release{3, 0, 0}) }},
	{tap.LackSingleCopy, "", "2.17.8, 3.0.5, 3.1.3, 3.2 and later",
		"It mirrors a packet again after its flows have changed it",
		"Two mirrored NICs of one service give both views of such a packet. See below for what " +
			"else may arrive twice.",
		func(f Facts, _ DatapathFacts) verdict { return copiesAgain(f.Version) }},
	{tap.LackCacheUpdate, "netdev", "userspace datapath before 2.17.8, 3.0.5, 3.1.3 and 3.2",
		"When flows change, it may give new actions to another cached flow than it means to",
		"The cached flows of mirrored packets are made anew whenever a filter of the host changes.",
		func(f Facts, _ DatapathFacts) verdict { return not(copiesAgain(f.Version)) }},
	{tap.LackOwnPackets, "netdev", "userspace datapath",
		"It does not mirror what it puts into tunnels itself as that leaves",
		"A vswitch tap flow with direction BOTH lacks those packets. Mirror them at the other end.",
		func(Facts, DatapathFacts) verdict { return yes }},
	{tap.LackSymmetricHash, "system", "kernels before Linux 6.5",
		"Its groups part the two directions of a connection",
		"With sample, one direction of a connection may be copied without the other.",
		func(_ Facts, d DatapathFacts) verdict {
			return missing(d, "max_hash_alg", func(v string) bool {
				n, err := strconv.Atoi(v)
				return err == nil && n >= symmetricHash
			})
		}},
	{tap.LackGRE, "system", "kernels without ip_gre and vport_gre",
		"It cannot receive GRE",
		"Copies come to the host in VXLAN: open UDP port 24789.",
		func(f Facts, _ DatapathFacts) verdict { return verdictOf(f.NoGRE) }},
	{tap.LackGREOverIPv6, "system", "the kernel's datapath",
		"It has no flow-based GRE over IPv6",
		"Copies between IPv6 addresses go in VXLAN: open UDP port 24789.",
		func(Facts, DatapathFacts) verdict { return yes }},
	{tap.LackERSPANBesideGRE, "netdev", "userspace datapath",
		"A port for ERSPAN takes the GRE packets of all other ports",
		"A host whose tap bridge or tunnels receive GRE cannot send copies in ERSPAN.",
		func(Facts, DatapathFacts) verdict { return yes }},
	{tap.LackNeighbours, "system", "the kernel's datapath",
		"It does not tell whether anybody answers at the far end of a tunnel",
		"A tap flow for a remote collector is ready whether anybody is there or not, and its " +
			"reason says so.",
		func(Facts, DatapathFacts) verdict { return yes }},
}

// symmetricHash is OVS_HASH_ALG_SYM_L4 of Linux' openvswitch.h.
const symmetricHash = 1

// Shortcomings returns all that this program knows of, in the order of README.
func Shortcomings() []Shortcoming { return slices.Clone(shortcomings) }

// Describe returns what is known of a code; the zero value for one that is not known.
func Describe(code tap.LackCode) Shortcoming {
	for _, s := range shortcomings {
		if s.Code == code {
			return s
		}
	}
	return Shortcoming{}
}

// Lacks returns what a switch lacks, sorted by code and datapath.
func Lacks(f Facts) (all []tap.Lack) {
	for _, s := range shortcomings {
		if s.Datapath == "" {
			all = append(all, s.of(f, DatapathFacts{})...)
			continue
		}

		for _, d := range f.Datapaths {
			if d.Type == s.Datapath {
				all = append(all, s.of(f, d)...)
			}
		}
	}

	slices.SortFunc(all, func(a, b tap.Lack) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Datapath, b.Datapath))
	})
	return all
}

// of returns the lack of a switch, or nil.
func (s *Shortcoming) of(f Facts, d DatapathFacts) []tap.Lack {
	v := s.lacks(f, d)
	if v == no {
		return nil
	}
	return []tap.Lack{{Code: s.Code, Datapath: s.Datapath, Possible: v == untold}}
}

// missing looks at one capability of a datapath.
func missing(d DatapathFacts, capability string, good func(value string) bool) verdict {
	value := d.Capabilities.Get(capability)
	if value == "" {
		return untold
	}
	return verdictOf(!good(value))
}

func not(v verdict) verdict {
	switch v {
	case yes:
		return no
	case no:
		return yes
	}
	return untold
}

// FactsOf reads the facts of a host from a snapshot with a row of table Open_vSwitch.
func FactsOf(h *tap.Host, snap *vswitch.Snapshot) Facts {
	f := Facts{Version: snap.System().OVSVersion, NoGRE: h.NoGRE != ""}

	for _, kind := range datapathTypes(snap) {
		d := DatapathFacts{Type: kind}
		if row := snap.Datapath(kind); row != nil {
			d.Capabilities = row.Capabilities
		}
		f.Datapaths = append(f.Datapaths, d)
	}

	return f
}

// datapathTypes are the types of datapath of a switch's bridges, sorted.
func datapathTypes(snap *vswitch.Snapshot) (kinds []string) {
	for _, b := range snap.Bridges() {
		kinds = append(kinds, cmp.Or(b.DatapathType, "system"))
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}
