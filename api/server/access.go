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

	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
)

// identityKey is under which the identity of a request is in its echo context.
const identityKey = "identity"

// identity is who sends a request that was let in.
func identity(c echo.Context) access.Identity {
	id, _ := c.Get(identityKey).(access.Identity)
	return id
}

// authorize lets in who has a role that the operation needs; "" needs none.
func (s *server) authorize(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		need, known := s.roles[c.Request().Method+" "+c.Path()]
		if known && need == "" {
			return next(c)
		}
		id, err := s.keys.Authenticate(c.Request().Header.Get(echo.HeaderAuthorization), certificate(c.Request()))
		if err != nil {
			return s.turnAway(c, err)
		}
		defer id.Release()
		identified(c, id)
		if known && !id.Role.Includes(need) {
			c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="tapline", error="insufficient_scope"`)
			return refuse(http.StatusForbidden, "", "this needs the role %s, and the %s %q has the role %s", need, id.Kind, id.Name, id.Role)
		}
		// What takes long on purpose ends with the identity, as it does when the server stops.
		until, cancel := context.WithCancel(stopping(c.Request().Context()))
		defer cancel()
		defer context.AfterFunc(id.Until, cancel)()
		c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), stoppingKey{}, until)))
		return next(c)
	}
}

// turnAway refuses who could not say who he is: 401, and 429 from whom that happens too often.
func (s *server) turnAway(c echo.Context, err error) error {
	header := c.Response().Header()
	flood := requestOf(c).Record()
	flood.Outcome, flood.Status, flood.Problem = audit.Denied, http.StatusTooManyRequests, err.Error()
	if after := s.failures.Fail(access.Network(flood.Remote), flood, time.Now()); after > 0 {
		header.Set(echo.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(after.Seconds()))))
		return refuse(http.StatusTooManyRequests, "",
			"too many requests from this address carried no token or a wrong one; one that carries a right token is answered at any time")
	}
	if errors.Is(err, access.ErrMissing) {
		header.Set(echo.HeaderWWWAuthenticate, `Bearer realm="tapline"`)
		return refuse(http.StatusUnauthorized, "",
			`%v: send "Authorization: Bearer TOKEN", with one of tapctl token-create or the content of admin.token in the controller's data_dir`, err)
	}
	header.Set(echo.HeaderWWWAuthenticate, `Bearer realm="tapline", error="invalid_token"`) // RFC 6750, 3.1
	if errors.Is(err, access.ErrWrong) {
		err = fmt.Errorf("%w; it may have been revoked, and admin.token in the controller's data_dir holds one that is right", err)
	}
	return refuse(http.StatusUnauthorized, "", "%v", err)
}

// certificate is the client's, nil if it showed none; TLS has verified it.
func certificate(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	return r.TLS.VerifiedChains[0][0]
}
