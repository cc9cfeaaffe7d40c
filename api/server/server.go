package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/redact"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
)

// Config is what a server needs.
type Config struct {
	Engine Engine
	// Rehearse makes plans; nil: there are none.
	Rehearse Rehearse
	// Keys says who is let in; nil: whoever carries Token, as an admin, and nobody while it is empty.
	Keys    *access.Keyring
	Token   []byte
	Audit   *audit.Log   // nil: nothing is written down
	Metrics http.Handler // of /metrics; nil answers 404
	// Observer is told of requests; nil is nobody.
	Observer Observer
	// Parts tells how the parts of the controller are that the engine does not know; nil is none.
	Parts func() []api.Part
	// Settings tells the effective configuration, without secrets; nil answers 404.
	Settings func() (json.RawMessage, error)
	Logger   *slog.Logger // nil discards
	Version  string       // of the program, for /healthz
}

// Observer is told what operators count.
type Observer interface {
	// Requested tells of a request that was answered, by the path of the document that it matched; "" if none.
	Requested(method, route string, status int, took time.Duration)
	// Streaming tells of event streams that were opened (1) and closed (-1).
	Streaming(by int)
}

type unobserved struct{}

func (unobserved) Requested(string, string, int, time.Duration) {}
func (unobserved) Streaming(int)                                {}

type server struct {
	observer Observer
	parts    func() []api.Part
	settings func() (json.RawMessage, error)
	engine   Engine
	keys     *access.Keyring
	failures *access.Limiter[audit.Record] // of addresses that are turned away, and of tokens that may not
	audit    *audit.Log
	success  map[string]int // "METHOD /path/:ref" -> status if all goes well
	// summarized is when denials beyond the limit were last written down, in UnixNano.
	summarized atomic.Int64
	metrics    http.Handler
	rehearse   Rehearse
	log        *slog.Logger
	version    string
	echo       *echo.Echo
	contract   *contract
	creations  *creations
	roles      map[string]access.Role // "METHOD /path/:ref" -> least role, "" for what is open to all
}

// New returns the handler of all paths of the document. It panics if the document that is built into the program is
// malformed, which its tests rule out.
func New(cfg Config) http.Handler { return newServer(cfg) }

// ServeHTTP implements http.Handler. HEAD is served wherever GET is (RFC 9110, 9.3.2), but for the stream, which has no end; the
// http.Server leaves out the body.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead && r.URL.Path != watchPath {
		r = r.WithContext(r.Context())
		r.Method = http.MethodGet
	}
	s.echo.ServeHTTP(w, r)
}

func newServer(cfg Config) *server {
	contract, err := builtIn()
	if err != nil {
		panic(fmt.Sprintf("api/server: the built-in OpenAPI document: %v", err))
	}
	s := &server{
		observer:  cfg.Observer,
		parts:     cfg.Parts,
		settings:  cfg.Settings,
		engine:    cfg.Engine,
		keys:      cfg.Keys,
		failures:  access.NewLimiter[audit.Record](),
		audit:     cfg.Audit,
		success:   make(map[string]int),
		metrics:   cfg.Metrics,
		log:       cfg.Logger,
		version:   cfg.Version,
		echo:      echo.New(),
		contract:  contract,
		creations: newCreations(),
		roles:     make(map[string]access.Role),
		rehearse:  cfg.Rehearse,
	}
	if s.keys == nil {
		if s.keys, err = access.New(context.Background(), access.Config{Admin: cfg.Token}); err != nil {
			panic(fmt.Sprintf("api/server: a keyring without records: %v", err))
		}
	}
	if s.observer == nil {
		s.observer = unobserved{}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.echo.HTTPErrorHandler = s.answerError
	s.echo.Use(s.observe, s.audited, s.authorize)
	for _, c := range s.engine.Creations() {
		s.creations.learn(c.Request, c.ID, c.At)
	}
	s.mountSystem()
	s.mountHosts()
	s.mountGuests()
	s.mountWires()
	s.mountServices()
	s.mountFlows()
	s.mountExplanations()
	s.mountTokens()
	s.mountAudit()
	s.mountPlugins()
	s.mountPlan()
	s.route(http.MethodGet, watchPath, s.watch)
	return s
}

// route serves an operation of the document, whose rules requests must satisfy before the handler sees them.
func (s *server) route(method, path string, handle func(echo.Context, request) error) {
	op := s.contract.operation(method, path)
	if op == nil {
		panic(fmt.Sprintf("api/server: %s %s is not in the OpenAPI document", method, path))
	}
	pattern := strings.ReplaceAll(path, "{ref}", ":ref")
	s.roles[method+" "+pattern], s.success[method+" "+pattern] = op.role, op.success
	s.echo.Add(method, pattern, func(c echo.Context) error {
		req, err := op.read(c)
		if err != nil {
			return err
		}
		return handle(c, req)
	})
}

// observe logs each request and turns a panic of a handler into a 500.
func (s *server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		begin := time.Now()
		header := c.Response().Header()
		c.Response().Before(func() {
			if allow := header.Get(echo.HeaderAllow); strings.Contains(allow, http.MethodGet) && c.Path() != watchPath {
				header.Set(echo.HeaderAllow, allow+", "+http.MethodHead) // See ServeHTTP.
			}
		})
		defer func() {
			if r := recover(); r != nil {
				if r == http.ErrAbortHandler {
					panic(r)
				}
				s.log.Error("a handler panicked", "path", path(c), "panic", r, "stack", string(debug.Stack()))
				c.Error(fmt.Errorf("panic: %v", r))
			} else if err != nil {
				c.Error(err)
			}
			s.observer.Requested(c.Request().Method, strings.ReplaceAll(c.Path(), ":ref", "{ref}"), c.Response().Status, time.Since(begin))
			level := slog.LevelInfo
			if c.Request().Method == http.MethodGet {
				level = slog.LevelDebug
			}
			s.log.Log(context.WithoutCancel(c.Request().Context()), level, "request",
				"id", c.Response().Header().Get(echo.HeaderXRequestID), "method", c.Request().Method, "path", path(c), "status", c.Response().Status,
				"duration", time.Since(begin), "remote", c.Request().RemoteAddr)
			err = nil
		}()
		return next(c)
	}
}

// path is the request's, without the secret of a token that somebody took for its name.
func path(c echo.Context) string { return redact.Tokens(c.Request().URL.Path) }
