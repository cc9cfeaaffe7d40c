package server

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/redact"
	"github.com/tapline-sdn/tapline/api/server/contract"
	"github.com/tapline-sdn/tapline/api/server/convert"
	"github.com/tapline-sdn/tapline/api/server/listing"
	"github.com/tapline-sdn/tapline/api/server/problem"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
)

// Keys of values in an echo context.
const (
	auditKey     = "audit"      // *audit.Request
	auditNameKey = "audit name" // string: the name in a body
)

const (
	summaryInterval = 10 * time.Second // between records of denials beyond the limit
	auditLimit      = 100              // default number of records in an answer
)

// audited is the middleware that gives each request an id, and records requests in the audit log
// before they are answered. The engine records changes itself, before it stores them. Here remain
// denials, and requests to change something that have changed nothing.
func (s *server) audited(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		s.summarizeSometimes(time.Now())

		about := s.newAuditRequest(c)
		c.Set(auditKey, about)
		c.Response().Header().Set(echo.HeaderXRequestID, about.ID)
		c.SetRequest(c.Request().WithContext(audit.With(c.Request().Context(), about)))

		defer func() {
			if fault := recover(); fault != nil {
				s.recordOutcome(c, about, fmt.Errorf("panic: %v", fault))
				panic(fault)
			}
		}()

		err = next(c)
		s.recordOutcome(c, about, err)
		return err
	}
}

func (s *server) newAuditRequest(c echo.Context) *audit.Request {
	r := c.Request()

	about := &audit.Request{
		ID: strings.ToLower(rand.Text()[:16]), Actor: audit.Actor{Type: "unknown"},
		Remote: r.RemoteAddr, UserAgent: redact.Tokens(r.UserAgent()),
		Method: r.Method, Path: path(c), Action: actionOf(r.Method, path(c)),
	}

	if op := s.operations[r.Method+" "+c.Path()]; op != nil {
		about.Success = op.Success
	}
	return about
}

// requestOf returns what the audit log knows about a request.
func requestOf(c echo.Context) *audit.Request {
	about, _ := c.Get(auditKey).(*audit.Request)

	return about
}

// identified notes who sends a request.
func identified(c echo.Context, id access.Identity) {
	c.Set(identityKey, id)
	requestOf(c).Actor = audit.Actor{Type: id.Kind, ID: id.ID, Name: id.Name, Role: string(id.Role)}
}

// noteName notes the name that a body gives to its resource.
func noteName(c echo.Context, body any) {
	if fields, ok := body.(map[string]any); ok {
		c.Set(auditNameKey, fields["name"])
	}
}

// recordOutcome records a request that was denied, or that should have changed something and did
// not.
func (s *server) recordOutcome(c echo.Context, about *audit.Request, err error) {
	record := about.Record()
	record.Outcome, record.Status = audit.Success, about.Success
	if err != nil {
		p, _ := problem.Of(err)
		record.Status, record.Problem = p.Status, redact.Tokens(p.Detail)
		record.Outcome = outcomeOf(p.Status)
	}

	record.Kind, record.ID = resourceOf(about.Path)
	if name, ok := c.Get(auditNameKey).(string); ok {
		record.Name = redact.Tokens(name)
	}

	switch {
	case record.Status == http.StatusTooManyRequests:
		return // A summary has it.
	case record.Outcome == audit.Denied && record.Status != http.StatusForbidden:
		// Strangers are limited by their network; see refuseStranger.
	case record.Outcome == audit.Denied:
		if s.overLimit(about.Actor, "denied", record) {
			return // A summary has it.
		}
	case s.reads(c) && !(s.auditReads && readsContent(about.Path)),
		err == nil && about.Changed():
		return
	case record.Outcome == audit.Refused:
		if s.overLimit(about.Actor, "refused", record) {
			return // A summary has it.
		}
	}

	record.Unchanged = !about.Changed()

	// A failure is logged, /readyz shows it, and the next change is refused.
	_ = s.audit.Write(record)
}

// overLimit reports whether an actor's requests end with an outcome so often that a summary
// replaces their records.
func (s *server) overLimit(actor audit.Actor, outcome string, record audit.Record) bool {
	source := outcome + " " + actor.Type + " " + actor.ID

	return s.denials.Fail(source, record, time.Now()) > 0
}

// readsContent reports whether a path shows what is mirrored for whom, or who did what:
// explanations and the audit log itself.
func readsContent(path string) bool {
	return path == api.Prefix+"/audit" || strings.HasSuffix(path, "/explain")
}

// reads reports whether a request cannot change anything, by its method or since viewers may send
// it.
func (s *server) reads(c echo.Context) bool {
	switch method := c.Request().Method; method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	default:
		op := s.operations[method+" "+c.Path()]
		return op != nil && op.ReadOnly
	}
}

func outcomeOf(status int) audit.Outcome {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden,
		status == http.StatusTooManyRequests:
		return audit.Denied
	case status >= http.StatusInternalServerError:
		return audit.Failed
	default:
		return audit.Refused
	}
}

// resourceOf returns the kind of the resource that a path names, and its id or name.
func resourceOf(path string) (kind, ref string) {
	rest, ok := strings.CutPrefix(path, api.Prefix+"/")
	if !ok {
		return "", ""
	}

	kind, ref, _ = strings.Cut(rest, "/")
	ref, _, _ = strings.Cut(ref, "/")
	return strings.TrimSuffix(kind, "s"), ref
}

// actionOf returns what a request should do: the verb at the end of its path, or what its method
// stands for; "" if neither is known.
func actionOf(method, path string) string {
	parts := strings.Split(strings.TrimPrefix(path, api.Prefix+"/"), "/")
	if len(parts) == 3 && method == http.MethodPost {
		return parts[2]
	}

	switch method {
	case http.MethodGet, http.MethodHead:
		return "read"
	case http.MethodPost:
		return "create"
	case http.MethodPatch:
		return "update"
	case http.MethodDelete:
		return "delete"
	default:
		return ""
	}
}

// summarizeSometimes summarizes denials, unless that was done a short while ago.
func (s *server) summarizeSometimes(now time.Time) {
	last := s.summarized.Load()
	if now.UnixNano()-last < int64(summaryInterval) ||
		!s.summarized.CompareAndSwap(last, now.UnixNano()) {
		return
	}

	s.summarizeDenials()
}

// summarizeDenials records the denials and refusals beyond the limit: the last one of each address
// or token, with their count. Records of each would rotate older files of the log away, and
// somebody who may change nothing could erase it that way.
func (s *server) summarizeDenials() {
	s.denials.Dropped(func(last audit.Record, count int) {
		last.Count = count
		_ = s.audit.Write(last)
	})
}

// mountAudit serves the audit log.
func (s *server) mountAudit() {
	s.route(http.MethodGet, api.Prefix+"/audit", func(c echo.Context, req request) error {
		query, err := auditQuery(req, time.Now())
		if err != nil {
			return err
		}

		records, more, err := s.audit.Read(c.Request().Context(), query)
		if err != nil {
			return err
		}

		list := api.AuditList{Audit: make([]api.AuditRecord, len(records)), More: more}
		for i, r := range records {
			list.Audit[i] = convert.AuditRecord(r)
		}

		return answer(c, http.StatusOK, list)
	})
}

func auditQuery(req request, now time.Time) (audit.Query, error) {
	q := audit.Query{
		Actor: req.Query["actor"], Kind: req.Query["kind"], ID: req.Query["id"],
		Request: req.Query["request_id"], Outcome: audit.Outcome(req.Query["outcome"]),
		Limit: auditLimit, Offset: listing.Number(req.Query["offset"]),
	}

	if given, ok := req.Query["limit"]; ok {
		q.Limit = listing.Number(given)
	}

	var err error
	if q.Since, err = contract.ParseTime(req.Query["since"], now); err != nil {
		return audit.Query{}, problem.Invalid("since", err)
	}
	if q.Until, err = contract.ParseTime(req.Query["until"], now); err != nil {
		return audit.Query{}, problem.Invalid("until", err)
	}

	return q, nil
}
