package session

import (
	"context"
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/controller/reconcile"
	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/action"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/openflow/oxm"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Whether the userspace datapath knows a neighbour is told by the counters of its tunnel port. A
// frame for a neighbour that it does not know is counted once, as it was before encapsulation. A
// frame that leaves is counted a second time, with its outer header. That goes for frames that are
// not cut on their way into the tunnel. Copies are, and count once.
//
// The kernel's datapath counts every frame once, and keeps its neighbours to itself.

// counting says how a switch counts frames that leave by a tunnel port.
type counting int

const (
	countsOnce  counting = iota // like frames that stay
	countsTwice                 // see above
	countsMaybe                 // either; nobody has tried this release
)

// newestTried is the newest major release of Open vSwitch that was seen to count twice. All before
// it that we support do.
const newestTried = 4

// countingOf tells how the switch of a tap bridge counts.
func countingOf(snap *vswitch.Snapshot, tapBridge string) counting {
	bridge, stands := snap.Bridge(tapBridge)
	system := snap.System()
	if !stands || system == nil {
		return countsOnce
	}
	return countingBy(bridge, system.OVSVersion)
}

// countingBy tells how a release of Open vSwitch counts on a bridge.
func countingBy(bridge *vswitch.Bridge, version string) counting {
	if bridge.DatapathType != "netdev" {
		return countsOnce
	}

	text, _, _ := strings.Cut(version, ".")
	if major, err := strconv.Atoi(text); err == nil && major <= newestTried {
		return countsTwice
	}
	return countsMaybe
}

// answer is what a frame into a tunnel has shown.
type answer int

const (
	untold  answer = iota // nothing: the switch does not tell
	left                  // it left the host
	stayed                // it did not
	unclear               // something else was counted meanwhile
)

// asker is what questions need of an OpenFlow connection.
type asker interface {
	Send(ctx context.Context, msgs ...openflow.Message) error
	Batch(ctx context.Context, msgs []openflow.Message) (openflow.Message,
		[]*ofconn.RequestError, error)
}

// ask sends a frame to a collector and finds out whether it has left. An error says that the
// connection has ended, or that the switch did not answer in time.
func ask(
	ctx context.Context, conn asker, counts counting, tunnel openflow.PortNo, to *tap.Collector,
) (answer, error) {
	question := questionTo(tunnel, to)
	if counts == countsOnce {
		return untold, conn.Send(ctx, question)
	}

	before, known, err := counters(ctx, conn, tunnel)
	if err != nil || !known {
		return unclear, err
	}
	after, known, err := counters(ctx, conn, tunnel, question)
	if err != nil || !known {
		return unclear, err
	}
	return compare(before, after), nil
}

// counters reads the counters of a port after the switch has taken other messages. They are not
// known if the switch has no such port yet.
func counters(
	ctx context.Context, conn asker, port openflow.PortNo, first ...openflow.Message,
) (count openflow.PortStats, known bool, err error) {
	request := &openflow.MultipartRequest{Body: openflow.PortStatsRequest{Port: port}}
	reply, refused, err := conn.Batch(ctx, append(first, request))
	if err != nil || len(refused) > 0 {
		return count, false, err
	}

	parts, is := reply.(*openflow.MultipartReply)
	if !is {
		return count, false, nil
	}
	stats, is := parts.Body.(openflow.PortStatsReply)
	if !is || len(stats) != 1 {
		return count, false, nil
	}
	return stats[0], true, nil
}

// maxOuter is more than any outer header has, in octets.
const maxOuter = 128

// compare tells from the counters of a tunnel port before and after a question what became of it.
func compare(before, after openflow.PortStats) answer {
	packets, octets := after.TxPackets-before.TxPackets, after.TxBytes-before.TxBytes
	switch {
	case packets == 1 && octets == minFrame:
		return stayed
	case packets == 2 && octets > 2*minFrame && octets <= 2*minFrame+maxOuter:
		return left
	}
	return unclear
}

// questionTo is a frame into the tunnel to a collector, of minFrame octets.
func questionTo(tunnel openflow.PortNo, to *tap.Collector) openflow.Message {
	data := frame(reconcile.KeepAliveEtherType, minFrame)
	data = append(data, make([]byte, minFrame-len(data))...)

	actions := []action.Action{
		action.SetField{Field: oxm.TunnelID(uint64(to.KeepAliveKey))},
		action.SetField{Field: oxm.TunDst(to.Addr)},
	}
	if to.ERSPAN != 0 {
		actions = append(actions, action.SetField{Field: oxm.TunERSPANVersion(to.ERSPAN)})
	}
	return &openflow.PacketOut{Data: data, Actions: append(actions, action.Output{Port: tunnel})}
}
