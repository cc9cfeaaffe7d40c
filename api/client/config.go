package client

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/tapline-sdn/tapline/api"
)

// Config reads the effective configuration of the controller, in the words of its configuration
// file and without secrets.
func (c *Client) Config(ctx context.Context) (json.RawMessage, error) {
	var config json.RawMessage
	_, err := c.do(ctx, http.MethodGet, api.Prefix+"/config", nil, nil, &config)

	return config, err
}
