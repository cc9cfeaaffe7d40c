package client

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/tapline-sdn/tapline/ovsdb/internal/jsontext"
)

// message is a JSON-RPC 1.0 message (RFC 7047, 4.1): a request, a notification (a request without
// id) or a reply. Its members alias the text, and are nil if they are null. Their brackets are
// balanced; otherwise they are not checked yet.
type message struct {
	method string // empty in a reply
	params []byte
	result []byte
	err    []byte
	id     []byte
}

func parseMessage(text []byte) (message, error) {
	var m message
	c := jsontext.NewCursor(text)
	isReply := false
	for name := range c.Object() {
		switch string(name) {
		case "method":
			if c.Kind() == jsontext.String {
				m.method = c.String()
			}

		case "params":
			m.params = rawOrNil(c)
		case "result":
			m.result = rawOrNil(c)
			isReply = true
		case "error":
			m.err = rawOrNil(c)
			isReply = true
		case "id":
			m.id = rawOrNil(c)
		}
	}

	err := c.End()
	switch {
	case err != nil:
	case m.method == "" && !isReply:
		err = errors.New("neither a method nor a result")
	case m.method == "" && m.id == nil:
		err = errors.New("a reply without an id")
	}

	if err != nil {
		return message{}, &ProtocolError{"message", err}
	}

	return m, nil
}

func rawOrNil(c *jsontext.Cursor) []byte {
	if c.Kind() == jsontext.Null {
		c.Null()
		return nil
	}
	return c.Raw()
}

// params splits the "params" of a notification into exactly n elements.
func splitParams(params []byte, n int) ([][]byte, error) {
	c := jsontext.NewCursor(params)
	list := make([][]byte, 0, n)
	for i := range c.Array() {
		if i == n {
			c.Fail(fmt.Errorf("more than %d params", n))
			break
		}
		list = append(list, c.Raw())
	}

	if err := c.End(); err != nil {
		return nil, err
	}
	if len(list) < n {
		return nil, fmt.Errorf("%d params where %d should be", len(list), n)
	}

	return list, nil
}

// parseNumber reads an id that this side chose.
func parseNumber(text []byte) (uint64, error) {
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("id %.40q is none of ours", text)
	}
	return n, nil
}

func appendRequest(b []byte, method string, params []byte, id uint64) []byte {
	b = append(append(append(b, `{"method":"`...), method...), `","params":`...)
	b = append(append(b, params...), `,"id":`...)
	return append(strconv.AppendUint(b, id, 10), '}')
}

// refusal converts the "error" of a reply: an <error> of RFC 7047, 3.1, a string, or anything else.
func refusal(method string, text []byte) *RPCError {
	e := &RPCError{Method: method}
	c := jsontext.NewCursor(text)
	switch c.Kind() {
	case jsontext.String:
		e.Err = c.String()
	case jsontext.Object:
		for name := range c.Object() {
			switch {
			case c.Kind() != jsontext.String:
			case string(name) == "error":
				e.Err = c.String()
			case string(name) == "details":
				e.Details = c.String()
			}
		}
	}

	if e.Err == "" {
		e.Err = fmt.Sprintf("%.200s", text)
	}

	return e
}
