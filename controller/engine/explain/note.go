package explain

import (
	"fmt"
	"strings"

	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// maxTwins bounds how many other flows an explanation names.
const maxTwins = 5

// twins names the flows that may deliver the same packets once more. It is no fault: captures of
// two bridges or hosts each deliver what passes them.
func (x *explainer) twins() {
	all := x.scene.Twins
	x.out.Twins = all
	if len(all) == 0 {
		return
	}

	var words []string
	for _, twin := range all[:min(len(all), maxTwins)] {
		words = append(words, fmt.Sprintf("%s (%s)", twin.Flow, twin.Why))
	}
	if more := len(all) - maxTwins; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	x.check(Check{Health: view.Ready(),
		What: "packets may arrive twice, since other tap flows of the service see them too: " +
			strings.Join(words, ", ")})
}

// leftovers names the hosts on which something may still copy though it is not wanted there.
func (x *explainer) leftovers() {
	for _, id := range x.scene.MayStillCopy {
		name := x.hostName(id)
		c := Check{What: "host " + name + " was read back without what is not wanted there",
			HostID: id,
			Health: view.Pending(view.CodeMayStillCopy, "its switch is being changed")}
		if h := x.scene.Hosts[id]; h == nil || !h.Report.Connected {
			c.Health = view.Pending(view.CodeMayStillCopy,
				"it cannot be reached and may still copy")
			c.Next = fmt.Sprintf("host %s is cleaned when it returns; to silence it now, run "+
				"there: tapline cleanup --ovsdb unix:/var/run/openvswitch/db.sock", name)
		}
		x.check(c)
	}
}
