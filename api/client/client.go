package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api"
)

// Config is what a client needs.
type Config struct {
	Server     string        // base URL, such as http://127.0.0.1:8640
	Token      string        // "" sends none
	HTTPClient *http.Client  // nil: http.DefaultClient. Its Timeout also ends event streams.
	Timeout    time.Duration // of one request, in addition to its wait; 0 means 30 s
	UserAgent  string        // "" leaves Go's
}

// Client is a client of one controller. Several goroutines may use it.
type Client struct {
	base    *url.URL
	token   string
	http    *http.Client
	timeout time.Duration
	agent   string
}

// New returns a client. It sends nothing before the first request.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.Server)
	if err != nil {
		return nil, fmt.Errorf("server %q: %w", cfg.Server, err)
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, fmt.Errorf(
			"server %q is not a URL: want one such as http://127.0.0.1:8640", cfg.Server)
	}
	if strings.ContainsAny(cfg.Token, "\r\n") {
		return nil, errors.New(
			"the token holds a line break: want the one line of the token file")
	}

	c := &Client{
		base: base, token: cfg.Token, http: cfg.HTTPClient, timeout: cfg.Timeout,
		agent: cfg.UserAgent,
	}
	if c.http == nil {
		c.http = http.DefaultClient
	}
	if c.timeout == 0 {
		c.timeout = 30 * time.Second
	}
	return c, nil
}

// HostPort is the address of the server's API, as for [net.Dial].
func (c *Client) HostPort() string {
	port := c.base.Port()
	if port == "" {
		port = c.base.Scheme // net.Dial knows http and https.
	}
	return net.JoinHostPort(c.base.Hostname(), port)
}

// Hosts returns the registered hosts.
func (c *Client) Hosts() Resource[api.Host, api.HostList, api.HostCreate, api.HostPatch] {
	return newResource[api.Host, api.HostList, api.HostCreate, api.HostPatch](
		c, "hosts", func(v *api.Host, etag string) { v.ETag = etag })
}

// Guests returns the guests, declared and learned.
func (c *Client) Guests() Resource[api.Guest, api.GuestList, api.GuestCreate, api.GuestPatch] {
	return newResource[api.Guest, api.GuestList, api.GuestCreate, api.GuestPatch](
		c, "guests", func(v *api.Guest, etag string) { v.ETag = etag })
}

// Wires returns the wires, which have no revision.
func (c *Client) Wires() Resource[api.Wire, api.WireList, api.WireCreate, api.WirePatch] {
	return newResource[api.Wire, api.WireList, api.WireCreate, api.WirePatch](c, "wires", nil)
}

// TapServices are the mirror destinations.
type TapServices = Switchable[
	api.TapService, api.TapServiceList, api.TapServiceCreate, api.TapServicePatch]

// TapServices returns the mirror destinations.
func (c *Client) TapServices() TapServices {
	return TapServices{
		newResource[api.TapService, api.TapServiceList, api.TapServiceCreate, api.TapServicePatch](
			c, "tap_services", func(v *api.TapService, etag string) { v.ETag = etag }),
	}
}

// TapFlows are the mirror sources.
type TapFlows = Switchable[api.TapFlow, api.TapFlowList, api.TapFlowCreate, api.TapFlowPatch]

// TapFlowMembers lists the NICs that the selector of a tap flow matches.
func (c *Client) TapFlowMembers(
	ctx context.Context, ref string, opts ...Option,
) (api.MemberList, error) {
	var list api.MemberList
	_, err := c.do(ctx, http.MethodGet, c.TapFlows().one(ref)+"/members", opts, nil, &list)
	return list, err
}

// TapFlows returns the mirror sources.
func (c *Client) TapFlows() TapFlows {
	return TapFlows{
		newResource[api.TapFlow, api.TapFlowList, api.TapFlowCreate, api.TapFlowPatch](
			c, "tap_flows", func(v *api.TapFlow, etag string) { v.ETag = etag }),
	}
}

// Health asks whether the controller answers, and for its version.
func (c *Client) Health(ctx context.Context) (api.Health, error) {
	var h api.Health
	_, err := c.do(ctx, http.MethodGet, "/healthz", nil, nil, &h)

	return h, err
}

// ReadyParts is Ready with the state of the controller's parts.
func (c *Client) ReadyParts(ctx context.Context) (api.Health, error) {
	var h api.Health
	_, err := c.do(ctx, http.MethodGet, "/readyz", nil, nil, &h)

	return h, err
}

// Ready asks whether the controller can do its work. An [*Error] says why it cannot.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.do(ctx, http.MethodGet, "/readyz", nil, nil, nil)

	return err
}
