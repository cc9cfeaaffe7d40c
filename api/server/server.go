package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/contract"
	"github.com/tapline-sdn/tapline/api/server/idempotency"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
)

// Config is what a server needs.
type Config struct {
	Engine Engine
	// Rehearse makes plans; nil: the server has none.
	Rehearse Rehearse
	// Keys decides who is let in. If it is nil, the bearer of Token is, as an admin.
	Keys *access.Keyring
	// Token is ignored if there are Keys. If it is empty too, nobody is let in.
	Token   []byte
	Audit   *audit.Log   // nil: nothing is recorded
	Metrics http.Handler // answers /metrics; nil: 404
	// Observer counts requests; nil: nobody does.
	Observer Observer
	// Parts returns the parts of the controller that the engine does not know; nil: none.
	Parts func() []api.Part
	// AuditReads records reads of content in the audit log: of explanations, and of the log itself.
	AuditReads bool
	// TokenLifetime is the validity of tokens that are created without a choice; 0: without end.
	TokenLifetime time.Duration
	// Limits are how long tap flows may run, by the role of who makes or changes them.
	Limits *access.RoleLimits
	// Settings returns the effective configuration, without secrets; nil: 404.
	Settings func() (json.RawMessage, error)
	// Origins are the sites, such as https://tapline.example, whose pages may send requests that
	// change something. The API's own site may in any case.
	Origins []string
	// Replicas are the controllers that share the store; nil: there are no others.
	Replicas Replicas
	// Stopping is done when this handler is about to be replaced, so that requests that take long
	// on purpose answer at once; nil: when the server stops.
	Stopping context.Context
	Logger   *slog.Logger // nil discards
	Version  string       // of the program, for /healthz
}

// Observer counts what operators watch.
type Observer interface {
	// Requested is called for each request that was answered. The route is the path of the document
	// that it matched, "" if none.
	Requested(method, route string, status int, took time.Duration)
	// Streaming is called with 1 for each event stream that opens, and with -1 when it closes.
	Streaming(by int)
}

// nobody is the Observer of a server that has none.
type nobody struct{}

func (nobody) Requested(string, string, int, time.Duration) {}
func (nobody) Streaming(int)                                {}

// server is the handler of all paths. Its maps do not change once it is made.
type server struct {
	engine   Engine
	rehearse Rehearse
	keys     *access.Keyring
	audit    *audit.Log
	observer Observer
	metrics  http.Handler
	parts    func() []api.Part
	settings func() (json.RawMessage, error)
	replicas Replicas
	stopping context.Context // nil: as in the request
	log      *slog.Logger
	version  string

	tokenLifetime time.Duration
	auditReads    bool
	limits        *access.RoleLimits

	echo       *echo.Echo
	contract   *contract.Contract
	operations map[string]*contract.Operation // by "METHOD /path/:ref"
	kinds      map[string]kind                // by name
	origins    *http.CrossOriginProtection
	planners   planners
	streams    *streams
	creations  *idempotency.Memory[recorded]
	buffers    sync.Pool // *[]byte, of answers to lists

	// denials counts requests without credentials by network, and denied and refused ones by
	// identity.
	denials *access.Limiter[audit.Record]
	// summarized is when denials beyond the limit were last recorded, in UnixNano.
	summarized atomic.Int64
}

// New returns the handler of all paths of the document. It panics if the document that is built
// into the program is malformed, which the tests rule out.
func New(cfg Config) http.Handler { return newServer(cfg) }

func newServer(cfg Config) *server {
	s := serverOf(cfg)

	s.kinds = kindsByName(cfg.Engine)
	s.origins = newOriginCheck(cfg.Origins, s.log)
	for _, c := range s.engine.Creations() {
		s.creations.Learn(c.Request, c.ID, c.At)
	}

	s.echo.HTTPErrorHandler = s.answerError
	s.echo.Use(s.observe, compress(), s.audited, s.sameOrigin, s.authorize)
	s.mountAll()

	return s
}

// serverOf returns a server without routes. What the configuration leaves out has its default.
func serverOf(cfg Config) *server {
	document, err := contract.Load()
	if err != nil {
		panic(fmt.Sprintf("api/server: the built-in OpenAPI document: %v", err))
	}

	s := &server{
		engine:   cfg.Engine,
		rehearse: cfg.Rehearse,
		keys:     cfg.Keys,
		audit:    cfg.Audit,
		observer: cfg.Observer,
		metrics:  cfg.Metrics,
		parts:    cfg.Parts,
		settings: cfg.Settings,
		replicas: cfg.Replicas,
		stopping: cfg.Stopping,
		log:      cfg.Logger,
		version:  cfg.Version,

		tokenLifetime: cfg.TokenLifetime,
		auditReads:    cfg.AuditReads,
		limits:        cfg.Limits,

		echo:       echo.New(),
		contract:   document,
		operations: make(map[string]*contract.Operation),
		planners:   planners{busy: make(map[string]bool)},
		streams:    newStreams(streamLimits(connectionLimit())),
		creations:  idempotency.New[recorded](time.Now),
		buffers:    sync.Pool{New: func() any { return new([]byte) }},
		denials:    access.NewLimiter[audit.Record](),
	}

	if s.keys == nil {
		s.keys, err = access.New(context.Background(), access.Config{Admin: cfg.Token})
		if err != nil {
			panic(fmt.Sprintf("api/server: a keyring without records: %v", err))
		}
	}

	if s.observer == nil {
		s.observer = nobody{}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}

	return s
}

func (s *server) mountAll() {
	s.mountPage()
	s.mountSystem()
	s.mountIdentity()
	for _, k := range s.kinds {
		k.mount(s)
	}

	s.mountExplanations(s.engine, s.engine)
	s.mountMembers(s.engine)
	s.mountTokens()
	s.mountAudit()
	s.mountPlugins(s.engine)
	s.mountPlan()
	s.mountReplicas()
	s.mountStepDown()
	s.route(http.MethodGet, watchPath, s.watch)
	s.mountCapture(s.engine)
}
