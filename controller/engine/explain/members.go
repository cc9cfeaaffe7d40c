package explain

import (
	"fmt"

	"github.com/tapline-sdn/tapline/controller/engine/view"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// memberSources finds the places of the members of a tap flow with a selector, as many as the scene
// has.
func (x *explainer) memberSources(f *store.Flow) []Hop {
	var out []Hop
	for i, m := range x.scene.Members {
		at := x.scene.Sources[i]
		text := fmt.Sprintf("NIC %s of guest %s, %s", m.MAC, m.Guest, f.Direction)
		out = append(out, Hop{What: "source", HostID: at.Host, Host: x.hostName(at.Host),
			Bridge: at.Bridge, Port: at.Port, OFPort: at.OFPort, Text: text,
			Found: x.foundWords(at, m.MAC, m.GuestID), Health: m.Health})
	}

	what, why := x.sourceWords(f)
	ok := view.Health{State: tap.StateReady}
	if x.scene.Verdict.Members.Total == 0 {
		ok = view.Health{State: tap.StatePending, Reason: why, Code: view.CodeSelectsNothing}
	}
	x.check(Check{What: what + " are plugged on hosts that are connected", Health: ok,
		Next: "tapctl guest-list -o wide shows names, labels and places; tapctl tap-flow-update " +
			f.Name + " --selector ..."})

	if total := x.scene.Verdict.Members.Total; total > len(out) {
		out[len(out)-1].Text += fmt.Sprintf("; tapctl tap-flow-members %s lists all %d", f.Name,
			total)
	}
	return out
}
