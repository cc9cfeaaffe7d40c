package declare

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/advice"
	"github.com/tapline-sdn/tapline/api/tapctl/desired"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// recorder records the requests of a verb that would change something, and answers them as if they
// were done. Requests that only read are sent.
type recorder struct {
	next    http.RoundTripper
	changes []api.PlannedChange
}

// wrap makes the recorder the transport of a client.
func (r *recorder) wrap(next http.RoundTripper) http.RoundTripper {
	r.next = next
	return r
}

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet {
		return r.next.RoundTrip(req)
	}

	change, err := plannedChange(req)
	if err != nil {
		return nil, err
	}

	r.changes = append(r.changes, change)

	status := http.StatusOK
	switch change.Action {
	case desired.Create:
		status = http.StatusCreated
	case desired.Delete:
		status = http.StatusNoContent
	}

	return &http.Response{
		StatusCode: status,
		Status:     http.StatusText(status),
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader("{}")),
		Request:    req,
	}, nil
}

// plannedChange is the change that a request would make.
func plannedChange(req *http.Request) (api.PlannedChange, error) {
	_, path, found := strings.Cut(req.URL.EscapedPath(), api.Prefix+"/")
	parts := strings.Split(path, "/")
	k, ok := kind.Find(parts[0])
	if !found || !ok {
		return api.PlannedChange{}, advice.New(
			"plan hosts, guests, wires, tap services and tap flows", "%s %s cannot be planned",
			req.Method, req.URL.Path)
	}

	change := api.PlannedChange{Kind: k.Key()}
	switch req.Method {
	case http.MethodPost:
		change.Action = desired.Create
	case http.MethodPatch:
		change.Action = desired.Update
	case http.MethodDelete:
		change.Action = desired.Delete
	}

	var err error
	if len(parts) > 1 {
		if change.Ref, err = url.PathUnescape(parts[1]); err != nil {
			return api.PlannedChange{}, err
		}
	}
	if len(parts) > 2 {
		change.Action = parts[2] // enable, disable
	}

	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return api.PlannedChange{}, err
		}
		if len(bytes.TrimSpace(body)) > 0 {
			change.Body = body
		}
	}

	return change, nil
}
