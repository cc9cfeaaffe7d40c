package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// Config is what a server needs.
type Config struct {
	Engine Engine
	// Token is what requests must carry as "Authorization: Bearer TOKEN"; while it is empty none is let in.
	Token   []byte
	Metrics http.Handler // of /metrics; nil answers 404
	Logger  *slog.Logger // nil discards
	Version string       // of the program, for /healthz
}

type server struct {
	engine   Engine
	token    [sha256.Size]byte
	hasToken bool
	metrics  http.Handler
	log      *slog.Logger
	version  string
	echo     *echo.Echo
	contract *contract
	open     map[string]bool // routes that need no token
}

// New returns the handler of all paths of the document. It panics if the document that is built into the program is
// malformed, which its tests rule out.
func New(cfg Config) http.Handler { return newServer(cfg).echo }

func newServer(cfg Config) *server {
	contract, err := loadContract()
	if err != nil {
		panic(fmt.Sprintf("api/server: the built-in OpenAPI document: %v", err))
	}
	s := &server{
		engine:   cfg.Engine,
		token:    sha256.Sum256(cfg.Token),
		hasToken: len(cfg.Token) > 0,
		metrics:  cfg.Metrics,
		log:      cfg.Logger,
		version:  cfg.Version,
		echo:     echo.New(),
		contract: contract,
		open:     make(map[string]bool),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.echo.HTTPErrorHandler = s.answerError
	s.echo.Use(s.observe, s.authorize)
	s.mountSystem()
	s.mountHosts()
	s.mountGuests()
	s.mountWires()
	s.mountServices()
	s.mountFlows()
	s.route(http.MethodGet, "/api/v1/watch", s.watch)
	return s
}

// route serves an operation of the document, whose rules requests must satisfy before the handler sees them.
func (s *server) route(method, path string, handle func(echo.Context, request) error) {
	op := s.contract.operation(method, path)
	if op == nil {
		panic(fmt.Sprintf("api/server: %s %s is not in the OpenAPI document", method, path))
	}
	pattern := strings.ReplaceAll(path, "{ref}", ":ref")
	if op.public {
		s.open[method+" "+pattern] = true
	}
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
		defer func() {
			if r := recover(); r != nil {
				if r == http.ErrAbortHandler {
					panic(r)
				}
				s.log.Error("a handler panicked", "path", c.Request().URL.Path, "panic", r, "stack", string(debug.Stack()))
				c.Error(fmt.Errorf("panic: %v", r))
			} else if err != nil {
				c.Error(err)
			}
			level := slog.LevelInfo
			if c.Request().Method == http.MethodGet {
				level = slog.LevelDebug
			}
			s.log.Log(context.WithoutCancel(c.Request().Context()), level, "request",
				"method", c.Request().Method, "path", c.Request().URL.Path, "status", c.Response().Status,
				"duration", time.Since(begin), "remote", c.Request().RemoteAddr)
			err = nil
		}()
		return next(c)
	}
}

// authorize lets in who carries the token. Digests are compared, so that the time tells neither content nor length.
func (s *server) authorize(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.open[c.Request().Method+" "+c.Path()] {
			return next(c)
		}
		scheme, token, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
		given := sha256.Sum256([]byte(strings.TrimSpace(token)))
		same := subtle.ConstantTimeCompare(given[:], s.token[:]) == 1
		if !s.hasToken || !strings.EqualFold(scheme, "Bearer") || !same {
			c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="tapline"`)
			detail := `the token is not the right one; it is in admin.token in the controller's data_dir`
			if scheme == "" {
				detail = `the request carries no token: send "Authorization: Bearer TOKEN", with the content of admin.token in the controller's data_dir`
			}
			return refuse(http.StatusUnauthorized, "", "%s", detail)
		}
		return next(c)
	}
}
