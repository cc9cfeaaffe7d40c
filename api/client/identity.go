package client

import (
	"context"
	"net/http"

	"github.com/tapline-sdn/tapline/api"
)

// Whoami returns who the controller takes the client for, and the role that this gives.
func (c *Client) Whoami(ctx context.Context) (api.Identity, error) {
	var id api.Identity
	_, err := c.do(ctx, http.MethodGet, api.Prefix+"/whoami", nil, nil, &id)

	return id, err
}
