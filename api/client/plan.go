package client

import (
	"context"
	"net/http"
	"time"

	"github.com/tapline-sdn/tapline/api"
)

// planTime is the longest that a plan may take, in addition to the timeout of a request.
const planTime = time.Minute

// Plan asks what changes would do. It changes nothing.
func (c *Client) Plan(ctx context.Context, changes []api.PlannedChange) (api.Plan, error) {
	longer := func(o *options) { o.wait = planTime }
	request := api.PlanRequest{Changes: changes}

	var out api.Plan
	_, err := c.do(ctx, http.MethodPost, api.Prefix+"/plan", []Option{longer}, request, &out)
	return out, err
}
