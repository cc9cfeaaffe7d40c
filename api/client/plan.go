package client

import (
	"context"
	"net/http"
	"time"

	"github.com/tapline-sdn/tapline/api"
)

// planTime is how long a plan may take.
const planTime = time.Minute

// Plan asks what changes would do; nothing is changed.
func (c *Client) Plan(ctx context.Context, changes []api.PlannedChange) (api.Plan, error) {
	var out api.Plan
	longer := func(o *options) { o.wait = planTime }
	_, err := c.do(ctx, http.MethodPost, api.Prefix+"/plan", []Option{longer}, api.PlanRequest{Changes: changes}, &out)
	return out, err
}
