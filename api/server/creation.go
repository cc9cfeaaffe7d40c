package server

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/store"
)

const (
	maxCreations = 4096 // remembered at once; the oldest go first
	maxKept      = 16 << 10
	creationTime = 24 * time.Hour
)

// creations remembers what was created with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): the same request
// again is answered as it was, and makes nothing. Failed creations are not remembered, since they changed nothing.
//
// Answers live as long as the server, bounded in time and number. The key itself is part of the record that it made, so that
// a controller that starts anew knows it too; it then answers with the resource as it is by now.
type creations struct {
	now func() time.Time

	mu    sync.Mutex
	byKey map[string]*creation
	order []*creation // by time
}

type creation struct {
	store.Request
	at     time.Time
	id     string    // of what it made; "" while it is being made
	busy   bool      // it is not answered yet
	answer *recorded // nil if it was never answered whole
}

func newCreations() *creations { return &creations{now: time.Now, byKey: map[string]*creation{}} }

// learn takes a creation from before the server started.
func (c *creations) learn(r store.Request, id string, at time.Time) {
	if r.Key == "" || c.now().Sub(at) > creationTime {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(&creation{Request: r, at: at, id: id})
}

// add remembers a creation, and forgets what is too old or one too many.
func (c *creations) add(n *creation) {
	c.byKey[n.Key] = n
	c.order = append(c.order, n)
	for len(c.order) > 0 && (len(c.order) > maxCreations || c.now().Sub(c.order[0].at) > creationTime) {
		if old := c.order[0]; c.byKey[old.Key] == old {
			delete(c.byKey, old.Key)
		}
		c.order[0] = nil
		c.order = c.order[1:]
	}
}

// begin says whether a creation is the first with its key, or was made before.
func (c *creations) begin(r store.Request) (n creation, again bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.byKey[r.Key]
	switch {
	case old == nil || c.now().Sub(old.at) > creationTime:
		c.add(&creation{Request: r, at: c.now(), busy: true})
		return creation{}, false, nil
	case old.Digest != r.Digest:
		return creation{}, false, refuse(http.StatusUnprocessableEntity, "Idempotency-Key",
			"%q was used for another request: want a new key for each creation, and the same only to repeat it", r.Key)
	case old.busy:
		return creation{}, false, &refusal{
			status: http.StatusConflict, kind: api.InProgress,
			faults: []api.FieldProblem{{Field: "Idempotency-Key", Detail: "the request with this key is still being answered: try again in a moment"}},
		}
	}
	return *old, true, nil
}

// made notes what a creation has made; an id of "" forgets it, since it failed.
func (c *creations) made(r store.Request, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.byKey[r.Key]
	switch {
	case n == nil || !n.busy: // It was forgotten meanwhile.
	case id == "":
		delete(c.byKey, r.Key)
	default:
		n.id = id
	}
}

// end notes that a creation is answered, or never will be.
func (c *creations) end(r store.Request, answer *recorded) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.byKey[r.Key]; n != nil && n.busy {
		n.busy = false
		if n.id == "" { // It did not come so far.
			delete(c.byKey, r.Key)
		}
		if answer != nil && len(answer.body) <= maxKept {
			n.answer = answer
		}
	}
}

// readKey reads the Idempotency-Key: a string of structured fields (RFC 8941, 3.3.3), or, as many send it, one without quotes.
func readKey(r *http.Request) (string, error) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := strings.TrimSpace(values[0])
	if inner, quoted := strings.CutPrefix(key, `"`); quoted {
		var closed bool
		if key, closed = strings.CutSuffix(inner, `"`); !closed {
			key = ""
		}
	}
	printable := func(r rune) bool { return r > ' ' && r < 0x7f && r != '"' && r != '\\' && r != ',' && r != ';' }
	if len(values) > 1 || key == "" || len(key) > 255 || strings.IndexFunc(key, func(r rune) bool { return !printable(r) }) >= 0 {
		return "", refuse(http.StatusBadRequest, "Idempotency-Key",
			`is malformed: want one string of 1 to 255 printable characters without blanks, such as "8e03978e-40d5-43dd-bc93-6894a57f9324"`)
	}
	return key, nil
}

// creationOf identifies a creation: by its key, and what it asks for.
func creationOf(c echo.Context, req request) store.Request {
	if req.key == "" {
		return store.Request{}
	}
	canonical, _ := json.Marshal(req.value) // It was JSON before.
	sum := sha256.Sum256(append([]byte(c.Request().Method+" "+c.Request().URL.Path+"\n"), canonical...))
	return store.Request{Key: req.key, Digest: hex.EncodeToString(sum[:16])}
}

// createOnce creates a resource, or repeats the answer of the one that the same key has created.
func (r resource[V, T, C, P]) createOnce(s *server, c echo.Context, req request, create func(by store.Request) (V, error)) error {
	by := creationOf(c, req)
	if by.Key == "" {
		v, err := create(by)
		if err != nil {
			return err
		}
		return r.created(c, req, v, nil)
	}
	before, again, err := s.creations.begin(by)
	if err != nil {
		return err
	}
	if again {
		return r.repeat(c, req, before)
	}
	var sent *recorded
	defer func() { s.creations.end(by, sent) }()
	v, err := create(by)
	if err != nil {
		s.creations.made(by, "")
		return err
	}
	s.creations.made(by, r.id(v))
	return r.created(c, req, v, func(a *recorded) { sent = a })
}

// created answers a creation, and tells keep what it answers.
func (r resource[V, T, C, P]) created(c echo.Context, req request, v V, keep func(*recorded)) error {
	a, err := r.settled(c, req, v)
	if err != nil {
		return err
	}
	a.location = api.Prefix + "/" + r.path + "/" + url.PathEscape(r.id(v))
	if keep != nil {
		keep(a)
	}
	return a.send(c, http.StatusCreated)
}

// repeat answers a creation that was made before.
func (r resource[V, T, C, P]) repeat(c echo.Context, req request, before creation) error {
	c.Response().Header().Set("Idempotency-Replayed", "true")
	if before.answer != nil {
		return before.answer.send(c, http.StatusCreated)
	}
	v, err := r.get(before.id)
	if err != nil {
		return refuse(http.StatusGone, "Idempotency-Key", "what the request with this key has created (%s) is deleted since", before.id)
	}
	return r.created(c, req, v, nil)
}
