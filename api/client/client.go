package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api"
)

// maxAnswer is how many bytes of an answer are read at most: 10,000 flows take about 5 MB.
const maxAnswer = 256 << 20

// Config is what a client needs.
type Config struct {
	Server     string        // base URL, such as http://127.0.0.1:8640
	Token      string        // "" sends none
	HTTPClient *http.Client  // nil: http.DefaultClient; its Timeout would also end event streams
	Timeout    time.Duration // of one request without its wait; 0 means 30 s
	UserAgent  string        // "" leaves Go's
}

// Client speaks to one controller. It may be used by several goroutines.
type Client struct {
	base    *url.URL
	token   string
	http    *http.Client
	timeout time.Duration
	agent   string
}

// New returns a client; nothing is sent before the first request.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.Server)
	if err != nil {
		return nil, fmt.Errorf("server %q: %w", cfg.Server, err)
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, fmt.Errorf("server %q is not a URL: want one such as http://127.0.0.1:8640", cfg.Server)
	}
	if strings.ContainsAny(cfg.Token, "\r\n") {
		return nil, errors.New("the token holds a line break: want the one line of the token file")
	}
	c := &Client{base: base, token: cfg.Token, http: cfg.HTTPClient, timeout: cfg.Timeout, agent: cfg.UserAgent}
	if c.http == nil {
		c.http = http.DefaultClient
	}
	if c.timeout == 0 {
		c.timeout = 30 * time.Second
	}
	return c, nil
}

// Hosts are the registered hosts.
func (c *Client) Hosts() Resource[api.Host, api.HostList, api.HostCreate, api.HostPatch] {
	return Resource[api.Host, api.HostList, api.HostCreate, api.HostPatch]{c: c, path: "hosts",
		tag: func(v *api.Host, etag string) { v.ETag = etag }}
}

// Guests are the guests, declared and learned.
func (c *Client) Guests() Resource[api.Guest, api.GuestList, api.GuestCreate, api.GuestPatch] {
	return Resource[api.Guest, api.GuestList, api.GuestCreate, api.GuestPatch]{c: c, path: "guests",
		tag: func(v *api.Guest, etag string) { v.ETag = etag }}
}

// Wires are the wires; they have no revision.
func (c *Client) Wires() Resource[api.Wire, api.WireList, api.WireCreate, api.WirePatch] {
	return Resource[api.Wire, api.WireList, api.WireCreate, api.WirePatch]{c: c, path: "wires", tag: func(*api.Wire, string) {}}
}

// TapServices are the mirror destinations.
func (c *Client) TapServices() Switchable[api.TapService, api.TapServiceList, api.TapServiceCreate, api.TapServicePatch] {
	return Switchable[api.TapService, api.TapServiceList, api.TapServiceCreate, api.TapServicePatch]{
		Resource[api.TapService, api.TapServiceList, api.TapServiceCreate, api.TapServicePatch]{c: c, path: "tap_services",
			tag: func(v *api.TapService, etag string) { v.ETag = etag }}}
}

// TapFlows are the mirror sources.
func (c *Client) TapFlows() Switchable[api.TapFlow, api.TapFlowList, api.TapFlowCreate, api.TapFlowPatch] {
	return Switchable[api.TapFlow, api.TapFlowList, api.TapFlowCreate, api.TapFlowPatch]{
		Resource[api.TapFlow, api.TapFlowList, api.TapFlowCreate, api.TapFlowPatch]{c: c, path: "tap_flows",
			tag: func(v *api.TapFlow, etag string) { v.ETag = etag }}}
}

// Tokens are what others, and we, are let in with. They cannot be changed.
func (c *Client) Tokens() Tokens {
	return Tokens{Resource[api.TokenCreated, api.TokenList, api.TokenCreate, struct{}]{c: c, path: "tokens", tag: func(*api.TokenCreated, string) {}}}
}

// Health asks whether the controller answers, and for its version.
func (c *Client) Health(ctx context.Context) (api.Health, error) {
	var h api.Health
	_, err := c.do(ctx, http.MethodGet, "/healthz", nil, nil, &h)
	return h, err
}

// Ready asks whether the controller can do its work; the [*Error] says why not.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.do(ctx, http.MethodGet, "/readyz", nil, nil, nil)
	return err
}

// do sends a request and decodes its answer into out, which may be nil.
func (c *Client) do(ctx context.Context, method, path string, opts []Option, body, out any) (http.Header, error) {
	o := collect(opts)
	ctx, cancel := context.WithTimeout(ctx, c.timeout+o.wait)
	defer cancel()
	req, err := c.request(ctx, method, path, o, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, req.URL, cause(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotModified && o.known != "" {
		return resp.Header, ErrNotModified
	}
	if resp.StatusCode/100 != 2 {
		return nil, readError(req, resp)
	}
	if resp.StatusCode == http.StatusAccepted {
		return resp.Header, ErrPending
	}
	if out == nil || resp.StatusCode == http.StatusNoContent {
		return resp.Header, nil
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%s %s: the answer broke off: %w", method, req.URL, err)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %w", method, req.URL, errNotOurs, err)
	}
	return resp.Header, nil
}

func (c *Client) request(ctx context.Context, method, path string, o options, body any) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("%s %s: the body: %w", method, path, err)
		}
		reader = bytes.NewReader(data)
	}
	// The path is escaped already; the base may have a path of its own, behind a proxy.
	target := strings.TrimSuffix(c.base.String(), "/") + path
	if len(o.query) > 0 {
		target += "?" + o.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, target, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if o.ifMatch != "" {
		req.Header.Set("If-Match", o.ifMatch)
	}
	if o.known != "" {
		req.Header.Set("If-None-Match", o.known)
	}
	if o.key != "" {
		req.Header.Set("Idempotency-Key", `"`+o.key+`"`)
	}
	if c.agent != "" {
		req.Header.Set("User-Agent", c.agent)
	}
	return req, nil
}

// cause takes off the method and URL that http.Client repeats.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// readError makes an error of an answer that is not 2xx, whether it comes from the controller or from something between.
func readError(req *http.Request, resp *http.Response) error {
	e := &Error{Method: req.Method, URL: req.URL.String(), Problem: api.Problem{Status: resp.StatusCode}}
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err == nil && media == api.ProblemType && json.Unmarshal(data, &e.Problem) == nil {
		e.Problem.Status = resp.StatusCode
		return e
	}
	e.Problem = api.Problem{
		Type: "about:blank", Title: http.StatusText(resp.StatusCode), Status: resp.StatusCode,
		Detail: "the answer does not come from a tapline controller",
	}
	return e
}
