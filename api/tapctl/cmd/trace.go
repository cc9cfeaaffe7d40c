package cmd

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/api/redact"
)

// maxTrace is how many bytes of a body are shown.
const maxTrace = 8 << 10

// tracer shows requests and their answers, without the secrets of tokens. Headers are left out.
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
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(data))
		t.body("> ", data)
	}
	begin := time.Now()
	resp, err := t.next.RoundTrip(req)
	took := time.Since(begin).Round(100 * time.Microsecond)
	if err != nil {
		fmt.Fprintf(t.out, "< %v (%v)\n", err, took)
		return nil, err
	}
	fmt.Fprintf(t.out, "< %s (%v)\n", resp.Status, took)
	if t.bodies && strings.Contains(resp.Header.Get("Content-Type"), "json") {
		data, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return nil, err
		}
		resp.Body = io.NopCloser(bytes.NewReader(data))
		t.body("< ", data)
	}
	return resp, nil
}

func (t *tracer) body(lead string, data []byte) {
	more := ""
	if len(data) > maxTrace {
		data, more = data[:maxTrace], "…"
	}
	for line := range strings.Lines(strings.TrimSpace(string(data)) + more + "\n") {
		fmt.Fprintf(t.out, "%s  %s\n", lead, printable(redact.Tokens(strings.TrimSuffix(line, "\n"))))
	}
}
