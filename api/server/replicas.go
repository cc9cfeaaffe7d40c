package server

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/problem"
)

// replicasPath is the path of the replicas.
const replicasPath = api.Prefix + "/replicas"

// Replicas are the controllers that share a store.
type Replicas interface {
	// Replicas lists them by name. A controller without others is the one entry, and leads.
	Replicas() []api.Replica
	// StepDown has this one stop leading soon. It fails if nobody can follow.
	StepDown() error
}

// mountReplicas serves the list of replicas, on a standby too.
func (s *server) mountReplicas() {
	s.route(http.MethodGet, replicasPath, func(c echo.Context, _ request) error {
		list := api.ReplicaList{Replicas: []api.Replica{}}
		if s.replicas != nil {
			list.Replicas = append(list.Replicas, s.replicas.Replicas()...)
		}
		list.Total = len(list.Replicas)
		return answer(c, http.StatusOK, list)
	})
}

// mountStepDown serves what only a leader can do.
func (s *server) mountStepDown() {
	s.route(http.MethodPost, replicasPath+"/step_down", func(c echo.Context, _ request) error {
		if s.replicas == nil {
			return problem.Refuse(http.StatusConflict, "", "this controller has no replicas")
		}
		if err := s.replicas.StepDown(); err != nil {
			return problem.Refuse(http.StatusConflict, "", "%v", err)
		}
		return c.NoContent(http.StatusNoContent)
	})
}

// NewStandby returns the handler of what a replica that does not lead answers itself. The
// configuration needs no Engine.
func NewStandby(cfg Config) http.Handler {
	s := serverOf(cfg)
	s.origins = newOriginCheck(cfg.Origins, s.log)
	s.echo.HTTPErrorHandler = s.answerError
	s.echo.Use(s.observe, compress(), s.audited, s.sameOrigin, s.authorize)
	s.mountSystem()
	s.mountReplicas()
	s.mountPage()
	return s
}

// AnswersStandby reports whether a replica that does not lead answers a request itself. Everything
// else is for the leader.
func AnswersStandby(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	switch path := r.URL.Path; path {
	case "/healthz", "/readyz", metricsPath, replicasPath, "/ui":
		return true
	default:
		return strings.HasPrefix(path, "/ui/")
	}
}

// RefuseWithoutLeader answers a request that nobody can carry out at the moment. Nothing was done,
// unless the reason says otherwise and the code is another.
func RefuseWithoutLeader(w http.ResponseWriter, r *http.Request, code, reason string) {
	_ = writeProblem(w, api.Problem{
		Type: "about:blank", Title: http.StatusText(http.StatusServiceUnavailable),
		Status: http.StatusServiceUnavailable, Detail: reason, Code: code,
		Instance: pathOf(r),
	})
}
