package client

import (
	"context"
	"net/http"

	"github.com/tapline-sdn/tapline/api"
)

// Replicas lists the controllers that share a store. The one that is asked answers itself.
func (c *Client) Replicas(ctx context.Context) (api.ReplicaList, error) {
	var list api.ReplicaList
	_, err := c.do(ctx, http.MethodGet, api.Prefix+"/replicas", nil, nil, &list)
	return list, err
}

// StepDown has the replica that leads hand over to another one. It does not wait for that.
func (c *Client) StepDown(ctx context.Context) error {
	_, err := c.do(ctx, http.MethodPost, api.Prefix+"/replicas/step_down", nil, nil, nil)
	return err
}
