package manage

import (
	"context"
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

const (
	// noteTime bounds how long a note may keep its reader waiting.
	noteTime = 2 * time.Second
	// maxNoted bounds how many tap flows a note names.
	maxNoted = 3
)

// noteSamePacket says on a terminal which tap flows may deliver the same packet as a new one. The
// controller is asked after the creation, which therefore takes no longer where nobody looks. A
// note that cannot be had in time is left out: explain has it.
func noteSamePacket(ctx context.Context, app *cli.App, c *client.Client, flow api.TapFlow) {
	ctx, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()

	found, err := c.TapFlows().Explain(ctx, flow.ID)
	if err != nil || len(found.SamePacket) == 0 {
		return
	}

	fmt.Fprintln(app.Err, "note: a packet may arrive twice, since these tap flows see it too:")
	for _, same := range found.SamePacket[:min(len(found.SamePacket), maxNoted)] {
		fmt.Fprintf(app.Err, "  %s: %s\n", format.Printable(same.TapFlow),
			format.Printable(same.Reason))
	}
	if more := len(found.SamePacket) - maxNoted; more > 0 {
		fmt.Fprintf(app.Err, "  and %d more; tapctl explain tap-flow %s names them\n", more,
			format.Printable(flow.Name))
	}
}
