package contract

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/api/server/problem"
)

// readIfMatch parses If-Match (RFC 9110, section 13.1.1): "*", or one entity tag of an earlier
// answer. It returns the revision in the tag, 0 if any revision matches.
func (o *Operation) readIfMatch(r *http.Request) (uint64, error) {
	tag := strings.TrimSpace(r.Header.Get("If-Match"))
	if tag == "" || tag == "*" {
		return 0, nil
	}
	if !o.ifMatch {
		return 0, problem.Refuse(http.StatusBadRequest, "If-Match",
			"this request cannot be conditional: leave the header out")
	}

	content, opened := strings.CutPrefix(tag, `"`)
	content, closed := strings.CutSuffix(content, `"`)
	// The digest after the hyphen covers the status too. A write does not conflict with that.
	number, _, _ := strings.Cut(content, "-")
	revision, err := strconv.ParseUint(number, 10, 64)

	switch {
	case !opened || !closed || strings.Contains(content, `"`):
		return 0, problem.Refuse(http.StatusBadRequest, "If-Match", `%s is not an entity tag: `+
			`want the ETag of an earlier answer with its quotes, such as "42-1f3a"`, tag)
	case err != nil || revision == 0: // It is a tag, and not one of ours.
		return 0, problem.Refuse(http.StatusPreconditionFailed, "If-Match", `no resource has `+
			`the entity tag %s: read it again and use its ETag, with the quotes`, tag)
	}
	return revision, nil
}

// maxKey is the longest Idempotency-Key, in characters.
const maxKey = 255

// readIdempotencyKey parses Idempotency-Key: a string of structured fields (RFC 8941, section
// 3.3.3), or one without quotes, as many clients send it.
func readIdempotencyKey(r *http.Request) (string, error) {
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

	forbidden := func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"\,;`, r)
	}
	if len(values) > 1 || key == "" || len(key) > maxKey || strings.ContainsFunc(key, forbidden) {
		return "", problem.Refuse(http.StatusBadRequest, "Idempotency-Key", `is malformed: `+
			`want one string of 1 to 255 printable characters without blanks, `+
			`such as "8e03978e-40d5-43dd-bc93-6894a57f9324"`)
	}
	return key, nil
}
