package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tapline-sdn/tapline/api"
)

// maxDepth is how deep values of a body may lie within each other: what the document describes is far flatter.
const maxDepth = 32

// parse reads the one JSON value of a body (RFC 8259) as strictly as I-JSON (RFC 7493) wants it: valid UTF-8, and no name
// twice in an object, since readers differ on which of them counts.
func parse(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, refuse(http.StatusBadRequest, "", "the body is not UTF-8")
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		if t := (*json.UnmarshalTypeError)(nil); errors.As(err, &t) { // Of what is JSON, only numbers may be beyond what can be read.
			return nil, refuse(http.StatusBadRequest, "body", "the %s in it is beyond what can be read", t.Value)
		}
		return nil, refuse(http.StatusBadRequest, "", "the body is not JSON: %s", jsonFault(body, err))
	}
	w := walk{decoder: json.NewDecoder(bytes.NewReader(body))}
	if err := w.value(nil); err != nil {
		return nil, err
	}
	if len(w.faults) > 0 {
		return nil, refuseAll(w.faults)
	}
	return value, nil
}

// jsonFault says where JSON is malformed.
func jsonFault(body []byte, err error) string {
	syntax := (*json.SyntaxError)(nil)
	if len(bytes.TrimSpace(body)) == 0 {
		return "it is empty"
	}
	if !errors.As(err, &syntax) {
		return err.Error()
	}
	before := string(body[:min(int(syntax.Offset), len(body))])
	line := 1 + strings.Count(before, "\n")
	column := len(before) - (strings.LastIndexByte(before, '\n') + 1)
	return fmt.Sprintf("line %d, column %d: %v", line, column, err)
}

// walk goes through JSON that is well formed, to find what decoding hides.
type walk struct {
	decoder *json.Decoder
	faults  []api.FieldProblem
}

// value walks through the value at a path.
func (w *walk) value(path []string) error {
	if len(path) > maxDepth {
		return refuse(http.StatusBadRequest, "", "the body has values more than %d deep within each other", maxDepth)
	}
	token, err := w.decoder.Token()
	if err != nil {
		return err
	}
	opened, composed := token.(json.Delim)
	if !composed {
		return nil
	}
	names := map[string]bool{}
	for n := 0; w.decoder.More(); n++ {
		part := strconv.Itoa(n)
		if opened == '{' {
			name, err := w.decoder.Token()
			if err != nil {
				return err
			}
			part, _ = name.(string) // Nothing else can stand there.
		}
		at := append(path[:len(path):len(path)], part)
		if names[part] {
			w.faults = append(w.faults, fault("", at, "is given more than once: want it once"))
		}
		names[part] = true
		if err := w.value(at); err != nil {
			return err
		}
	}
	_, err = w.decoder.Token()
	return err
}
