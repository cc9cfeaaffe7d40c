package cli

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api/redact"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// maxTracedBody is how many bytes of a body a trace shows.
const maxTracedBody = 8 << 10

// tracer prints requests and their answers, without headers and without the secrets of tokens.
type tracer struct {
	next   http.RoundTripper
	out    io.Writer
	bodies bool
}

// RoundTrip implements http.RoundTripper.
func (t *tracer) RoundTrip(req *http.Request) (*http.Response, error) {
	fmt.Fprintf(t.out, "> %s %s\n", req.Method, redact.Tokens(req.URL.String()))
	if t.bodies && req.Body != nil {
		data, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		_ = req.Body.Close()
		t.printBody("> ", data)

		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(data))
	}

	begin := time.Now()
	resp, err := t.next.RoundTrip(req)
	took := time.Since(begin).Round(100 * time.Microsecond)
	if err != nil {
		fmt.Fprintf(t.out, "< %v (%v)\n", err, took)
		return nil, err
	}

	fmt.Fprintf(t.out, "< %s (%v)\n", resp.Status, took)

	// An answer that is not JSON may be a stream without an end.
	if t.bodies && strings.Contains(resp.Header.Get("Content-Type"), "json") {
		data, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return nil, err
		}
		t.printBody("< ", data)
		resp.Body = io.NopCloser(bytes.NewReader(data))
	}

	return resp, nil
}

func (t *tracer) printBody(lead string, data []byte) {
	rest := ""
	if len(data) > maxTracedBody {
		data, rest = data[:maxTracedBody], "…"
	}

	text := redact.Tokens(strings.TrimSpace(string(data))) + rest
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(t.out, "%s  %s\n", lead, format.Printable(line))
	}
}
