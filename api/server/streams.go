package server

import (
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api/server/problem"
	"github.com/tapline-sdn/tapline/controller/access"
)

// streams limits event streams, which hold their connections: in all, and for each identity.
type streams struct {
	limit, limitEach int

	mu         sync.Mutex
	open       int
	byIdentity map[string]int
}

func newStreams(limit, limitEach int) *streams {
	return &streams{limit: limit, limitEach: limitEach, byIdentity: make(map[string]int)}
}

// begin lets an identity open a stream, until it calls end.
func (s *streams) begin(c echo.Context, id access.Identity) (end func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	who := id.Kind + " " + id.ID
	switch {
	case s.byIdentity[who] >= s.limitEach:
		err = problem.Refuse(http.StatusTooManyRequests, "",
			"the %s %q has %d event streams, and may have no more", id.Kind, id.Name, s.limitEach)
	case s.open >= s.limit:
		err = problem.Refuse(http.StatusTooManyRequests, "",
			"%d event streams are open, and there is room for no more", s.limit)
	}
	if err != nil {
		c.Response().Header().Set(echo.HeaderRetryAfter, "10")
		return nil, err
	}

	s.open++
	s.byIdentity[who]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()

		s.open--
		if s.byIdentity[who]--; s.byIdentity[who] == 0 {
			delete(s.byIdentity, who)
		}
	}, nil
}
