package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/redact"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
)

const (
	auditKey     = "audit"          // of the *audit.Request in an echo context
	auditNameKey = "audit name"     // of the name in a body
	summaryTime  = 10 * time.Second // how often denials beyond the limit are written down
	auditLimit   = 100              // records of an answer, if the request does not say
)

// audited gives each request an id and sees to it that, if it writes or is denied, it is written down before it is answered. What
// it changes the engine writes down before, so that here only remains what has changed nothing.
func (s *server) audited(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		s.summarize(time.Now())
		r := c.Request()
		about := &audit.Request{
			ID: strings.ToLower(rand.Text()[:16]), Actor: audit.Actor{Type: "unknown"}, Remote: r.RemoteAddr,
			UserAgent: redact.Tokens(r.UserAgent()), Method: r.Method, Path: path(c), Action: actionOf(r.Method, path(c)), Success: s.success[r.Method+" "+c.Path()],
		}
		c.Set(auditKey, about)
		c.Response().Header().Set(echo.HeaderXRequestID, about.ID)
		c.SetRequest(r.WithContext(audit.With(r.Context(), about)))
		defer func() {
			if fault := recover(); fault != nil {
				s.conclude(c, about, fmt.Errorf("panic: %v", fault))
				panic(fault)
			}
		}()
		err = next(c)
		s.conclude(c, about, err)
		return err
	}
}

// conclude writes down a request that was denied, and one that was to change something and has not.
func (s *server) conclude(c echo.Context, about *audit.Request, err error) {
	record := about.Record()
	record.Outcome, record.Status = audit.Success, about.Success
	if err != nil {
		p, _ := problemOf(err)
		record.Status, record.Problem = p.Status, redact.Tokens(p.Detail)
		record.Outcome = outcomeOf(p.Status)
	}
	record.Kind, record.ID = resourceOf(about.Path)
	if name, ok := c.Get(auditNameKey).(string); ok {
		record.Name = redact.Tokens(name)
	}
	switch {
	case record.Status == http.StatusTooManyRequests: // In a summary.
		return
	case record.Status == http.StatusForbidden:
		if s.failures.Fail(about.Actor.Type+" "+about.Actor.ID, record, time.Now()) > 0 {
			return // In a summary as well.
		}
	case record.Outcome == audit.Denied:
	case s.reads(c), err == nil && about.Changed():
		return
	}
	_ = s.audit.Write(record) // It is logged, readyz tells, and the next change is refused.
}

// reads reports whether a request is to change nothing: it has a method of those, or a viewer may send it.
func (s *server) reads(c echo.Context) bool {
	method := c.Request().Method
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions ||
		s.roles[method+" "+c.Path()] == access.Viewer
}

func outcomeOf(status int) audit.Outcome {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return audit.Denied
	case status >= http.StatusInternalServerError:
		return audit.Failed
	}
	return audit.Refused
}

// resourceOf is the kind of a path's resource, and what the path says of which.
func resourceOf(path string) (kind, ref string) {
	rest, ok := strings.CutPrefix(path, api.Prefix+"/")
	if !ok {
		return "", ""
	}
	kind, ref, _ = strings.Cut(rest, "/")
	ref, _, _ = strings.Cut(ref, "/")
	return strings.TrimSuffix(kind, "s"), ref
}

// actionOf is what a request is to do: the verb at the end of its path, or what its method stands for; "" if neither is known.
func actionOf(method, path string) string {
	if parts := strings.Split(strings.TrimPrefix(path, api.Prefix+"/"), "/"); len(parts) == 3 && method == http.MethodPost {
		return parts[2]
	}
	return map[string]string{
		http.MethodGet: "read", http.MethodHead: "read", http.MethodPost: "create", http.MethodPatch: "update", http.MethodDelete: "delete",
	}[method]
}

// summarize writes down, now and then, how many requests were denied beyond the limit: for each address or token the last of them,
// and their count. One by one they would drive the older files of the log out, and nobody may do that who may change nothing.
func (s *server) summarize(now time.Time) {
	last := s.summarized.Load()
	if now.UnixNano()-last < int64(summaryTime) || !s.summarized.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	s.tellDropped()
}

func (s *server) tellDropped() {
	s.failures.Dropped(func(last audit.Record, times int) {
		last.Count = times
		_ = s.audit.Write(last)
	})
}

// requestOf is what the audit log is told of a request.
func requestOf(c echo.Context) *audit.Request {
	about, _ := c.Get(auditKey).(*audit.Request)
	return about
}

// identified notes who it is that sends a request.
func identified(c echo.Context, id access.Identity) {
	c.Set(identityKey, id)
	requestOf(c).Actor = audit.Actor{Type: id.Kind, ID: id.ID, Name: id.Name, Role: string(id.Role)}
}

// noteName notes the name that a body gives to its resource.
func noteName(c echo.Context, body any) {
	if object, ok := body.(map[string]any); ok {
		c.Set(auditNameKey, object["name"])
	}
}

func (s *server) mountAudit() {
	s.route(http.MethodGet, api.Prefix+"/audit", func(c echo.Context, req request) error {
		q := audit.Query{
			Actor: req.query["actor"], Kind: req.query["kind"], ID: req.query["id"], Request: req.query["request_id"],
			Outcome: audit.Outcome(req.query["outcome"]), Limit: auditLimit, Offset: number(req.query["offset"]),
		}
		if given, ok := req.query["limit"]; ok {
			q.Limit = number(given)
		}
		var err error
		now := time.Now()
		if q.Since, err = parseWhen(req.query["since"], now); err != nil {
			return invalid("since", err)
		}
		if q.Until, err = parseWhen(req.query["until"], now); err != nil {
			return invalid("until", err)
		}
		records, more, err := s.audit.Read(c.Request().Context(), q)
		if err != nil {
			return err
		}
		list := api.AuditList{Audit: make([]api.AuditRecord, 0, len(records)), More: more}
		for _, r := range records {
			list.Audit = append(list.Audit, auditJSON(r))
		}
		return answer(c, http.StatusOK, list)
	})
}

// parseWhen reads a time, or how long ago it was; "" is none.
func parseWhen(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, errors.New("want a time such as 2026-11-30T08:00:00Z, or how long ago, such as 30m, 12h or 7d")
}

func auditJSON(r audit.Record) api.AuditRecord {
	return api.AuditRecord{
		Time: moment(r.Time), RequestID: r.RequestID, Actor: api.AuditActor(r.Actor), Remote: r.Remote, UserAgent: r.UserAgent,
		Method: r.Method, Path: r.Path, Action: r.Action, Kind: r.Kind, ID: r.ID, Name: r.Name, Before: r.Before, After: r.After,
		Outcome: string(r.Outcome), Status: r.Status, Problem: r.Problem, Count: max(r.Count, 1),
	}
}
