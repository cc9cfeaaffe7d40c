package client

import (
	"context"
	"net/http"

	"github.com/tapline-sdn/tapline/api"
)

// Audit reads the audit log, the newest record first. [Page] chooses which records, and [Where]
// with since, until, actor, kind, id, outcome and request_id.
func (c *Client) Audit(ctx context.Context, opts ...Option) (api.AuditList, error) {
	var list api.AuditList
	_, err := c.do(ctx, http.MethodGet, api.Prefix+"/audit", opts, nil, &list)

	return list, err
}
