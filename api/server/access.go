package server

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api/server/problem"
	"github.com/tapline-sdn/tapline/api/server/relay"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
)

// identityKey is the key of a request's identity in its echo context.
const identityKey = "identity"

// identity returns who sends a request that was let in.
func identity(c echo.Context) access.Identity {
	id, _ := c.Get(identityKey).(access.Identity)

	return id
}

// authorize is the middleware that lets a request through if its sender has the role that the
// operation needs.
func (s *server) authorize(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		op, known := s.operations[c.Request().Method+" "+c.Path()]
		if known && op.Role == "" || isPage(c.Path()) {
			return next(c)
		}

		id, err := s.keys.Authenticate(
			c.Request().Header.Get(echo.HeaderAuthorization), certificate(c.Request()))
		if err != nil {
			return s.refuseStranger(c, err)
		}
		defer id.Release()
		identified(c, id)

		if known && !id.Role.Includes(op.Role) {
			c.Response().Header().Set(echo.HeaderWWWAuthenticate,
				`Bearer realm="tapline", error="insufficient_scope"`)
			return problem.Refuse(http.StatusForbidden, "",
				"this needs the role %s, and the %s %q has the role %s",
				op.Role, id.Kind, id.Name, id.Role)
		}

		// What takes long on purpose ends when the identity does, as it does when the server stops.
		until, cancel := context.WithCancel(Stopping(c.Request().Context()))
		defer cancel()
		defer context.AfterFunc(id.Until, cancel)()

		ctx := context.WithValue(c.Request().Context(), stoppingKey{}, until)
		ctx = withLimits(ctx, senderLimits{Limits: s.limits.Of(id.Role), role: id.Role})
		c.SetRequest(c.Request().WithContext(ctx))
		return next(c)
	}
}

// refuseStranger refuses a request without valid credentials: with 401, and with 429 if too many
// come from the same network.
func (s *server) refuseStranger(c echo.Context, err error) error {
	header := c.Response().Header()

	denial := requestOf(c).Record()
	denial.Outcome, denial.Problem = audit.Denied, err.Error()
	denial.Status = http.StatusTooManyRequests
	if after := s.denials.Fail(access.Network(denial.Remote), denial, time.Now()); after > 0 {
		header.Set(echo.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(after.Seconds()))))
		return problem.Refuse(http.StatusTooManyRequests, "",
			"too many requests from this address had no token or a wrong one; "+
				"a request with a right token is answered at any time")
	}

	if errors.Is(err, access.ErrMissing) {
		header.Set(echo.HeaderWWWAuthenticate, `Bearer realm="tapline"`)
		return problem.Refuse(http.StatusUnauthorized, "",
			`%v: send "Authorization: Bearer TOKEN", with one of tapctl token-create `+
				`or the content of admin.token in the controller's data_dir`, err)
	}

	// RFC 6750, section 3.1
	header.Set(echo.HeaderWWWAuthenticate, `Bearer realm="tapline", error="invalid_token"`)
	if errors.Is(err, access.ErrWrong) {
		err = fmt.Errorf("%w; it may have been revoked, "+
			"and admin.token in the controller's data_dir holds one that is right", err)
	}
	return problem.Refuse(http.StatusUnauthorized, "", "%v", err)
}

// certificate returns the client's certificate, which TLS has verified; nil if it showed none. That
// of a replica which passes on what somebody else sends says nothing about the sender.
func certificate(r *http.Request) *x509.Certificate {
	if relay.WasPassed(r) {
		return nil
	}
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}

	return r.TLS.VerifiedChains[0][0]
}
