package contract

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
	"github.com/tapline-sdn/tapline/api/server/problem"
)

// maxDepth bounds how deep the values of a body nest. What the document describes is far flatter.
const maxDepth = 32

// parseJSON parses a body that is one JSON value (RFC 8259). It is as strict as I-JSON (RFC 7493):
// the text is valid UTF-8, and no object has a name twice, since parsers differ on which one
// counts.
func parseJSON(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, problem.Refuse(http.StatusBadRequest, "", "the body is not UTF-8")
	}

	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		// Of valid JSON, only numbers can be out of range.
		if t := (*json.UnmarshalTypeError)(nil); errors.As(err, &t) {
			return nil, problem.Refuse(http.StatusBadRequest, "body",
				"the %s in it is out of range", t.Value)
		}
		return nil, problem.Refuse(http.StatusBadRequest, "",
			"the body is not JSON: %s", syntaxFault(body, err))
	}

	w := walker{decoder: json.NewDecoder(bytes.NewReader(body))}
	if err := w.value(nil); err != nil {
		return nil, err
	}
	if len(w.faults) > 0 {
		return nil, problem.RefuseAll(w.faults)
	}
	return value, nil
}

// syntaxFault says where JSON is malformed.
func syntaxFault(body []byte, err error) string {
	if len(bytes.TrimSpace(body)) == 0 {
		return "it is empty"
	}
	syntax := (*json.SyntaxError)(nil)
	if !errors.As(err, &syntax) {
		return err.Error()
	}

	before := string(body[:min(int(syntax.Offset), len(body))])
	line := 1 + strings.Count(before, "\n")
	column := len(before) - (strings.LastIndexByte(before, '\n') + 1)
	return fmt.Sprintf("line %d, column %d: %v", line, column, err)
}

// walker goes through well-formed JSON to find names that an object has twice, which decoding
// hides.
type walker struct {
	decoder *json.Decoder
	faults  []api.FieldProblem
}

// value consumes the value at a path.
func (w *walker) value(path []string) error {
	if len(path) > maxDepth {
		return problem.Refuse(http.StatusBadRequest, "",
			"the body nests values more than %d deep", maxDepth)
	}

	token, err := w.decoder.Token()
	if err != nil {
		return err
	}
	opening, composite := token.(json.Delim)
	if !composite {
		return nil
	}

	seen := map[string]bool{}
	for n := 0; w.decoder.More(); n++ {
		part := strconv.Itoa(n)
		if opening == '{' {
			name, err := w.decoder.Token()
			if err != nil {
				return err
			}
			part, _ = name.(string) // A name is always a string.
		}

		at := append(path[:len(path):len(path)], part)
		if seen[part] {
			w.faults = append(w.faults, fault("", at, "is given more than once: want it once"))
		}
		seen[part] = true

		if err := w.value(at); err != nil {
			return err
		}
	}

	_, err = w.decoder.Token() // the closing delimiter
	return err
}
