package server

import (
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api/server/problem"
	"github.com/tapline-sdn/tapline/controller/access"
)

// maxPlans is how many plans are made at once. Each one runs a process of the plugin, and copies
// all that the controller knows.
const maxPlans = 4

// planners limits plans: one at a time for each identity.
type planners struct {
	mu   sync.Mutex
	busy map[string]bool // by identity
}

// begin lets an identity make a plan, until it calls end.
func (p *planners) begin(c echo.Context, id access.Identity) (end func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	who := id.Kind + " " + id.ID
	if p.busy[who] || len(p.busy) >= maxPlans {
		c.Response().Header().Set(echo.HeaderRetryAfter, "1")
		if p.busy[who] {
			return nil, problem.Refuse(http.StatusTooManyRequests, "",
				"the %s %q makes a plan already: wait for its answer", id.Kind, id.Name)
		}
		return nil, problem.Refuse(http.StatusTooManyRequests, "",
			"%d plans are being made already: try again in a moment", maxPlans)
	}

	p.busy[who] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()

		delete(p.busy, who)
	}, nil
}
