package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// walk reads one value of any kind and writes it again.
func walk(c *Cursor, out *bytes.Buffer) {
	switch c.Kind() {
	case Object:
		out.WriteByte('{')
		first := true
		for name := range c.Object() {
			if !first {
				out.WriteByte(',')
			}

			first = false
			out.Write(AppendString(nil, string(name)))
			out.WriteByte(':')
			walk(c, out)
		}

		out.WriteByte('}')

	case Array:
		out.WriteByte('[')

		for i := range c.Array() {
			if i > 0 {
				out.WriteByte(',')
			}
			walk(c, out)
		}

		out.WriteByte(']')

	case String:
		out.Write(AppendString(nil, c.String()))
	case Number:
		out.Write(c.NumberText())
	case True, False:
		fmt.Fprint(out, c.Bool())
	default:
		c.Null()
		out.WriteString("null")
	}
}

func TestCursor(t *testing.T) {
	for _, tc := range []struct{ name, text, want, err string }{
		{name: "object",
			text: ` { "a" : [ 1 , -2.5e+3 , true , false , null , "x" ] , "b" : { } } `,
			want: `{"a":[1,-2.5e+3,true,false,null,"x"],"b":{}}`},
		{name: "escapes", text: `"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`,
			want: `"\"\\/\u0008\u000c\n\u000d\té😀"`},
		{name: "empty", text: ``, err: "at byte 0"},
		{name: "trailing text", text: `{} x`, err: "text follows"},
		{name: "trailing comma", text: `[1,]`, err: "where"},
		{name: "missing colon", text: `{"a" 1}`, err: "no ':'"},
		{name: "missing comma", text: `[1 2]`, err: "neither ','"},
		{name: "leading zero", text: `01`, err: "text follows"},
		{name: "bare minus", text: `-`, err: "malformed number"},
		{name: "no fraction", text: `1.`, err: "malformed number"},
		{name: "no exponent", text: `1e`, err: "malformed number"},
		{name: "misspelt", text: `nul`, err: "misspelt null"},
		{name: "control character", text: "\"a\nb\"", err: "control character"},
		{name: "control character behind an escape", text: "\"\\n\n\"", err: "control character"},
		{name: "unknown escape", text: `"\x"`, err: "unknown escape"},
		{name: "lone surrogate", text: `"\ud800"`, err: `malformed \u`},
		{name: "half a pair", text: `"\ud800\u0041"`, err: `malformed \u`},
		{name: "open string", text: `"abc`, err: "does not end"},
		{name: "open string behind an escape", text: `"abc\n`, err: "does not end"},
		{name: "not UTF-8", text: "\"\xff\"", err: "not UTF-8"},
		{name: "not UTF-8 behind an escape", text: "\"\\n\xff\"", err: "not UTF-8"},
		{name: "deep", text: strings.Repeat("[", DefaultMaxDepth) +
			strings.Repeat("]", DefaultMaxDepth), want: strings.Repeat("[", DefaultMaxDepth) +
			strings.Repeat("]", DefaultMaxDepth)},
		{name: "too deep", text: strings.Repeat("[", 1000), err: "nested deeper than 64"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := NewCursor([]byte(tc.text))
			var out bytes.Buffer
			if walk(c, &out); tc.err == "" {
				if err := c.End(); err != nil || out.String() != tc.want {
					t.Fatalf("got %s, %v; want %s", &out, err, tc.want)
				}
				return
			}

			err := c.End()
			var syntax *SyntaxError
			if err == nil || !strings.Contains(err.Error(), tc.err) || !errors.As(err, &syntax) {
				t.Fatalf("error is %v, want a SyntaxError with %q", err, tc.err)
			}
		})
	}
}

func TestInt(t *testing.T) {
	for text, want := range map[string]any{
		"0": int64(0), "-0": int64(0), "9223372036854775807": int64(1<<63 - 1),
		"-9223372036854775808": int64(-1 << 63),
		"1.0":                  int64(1), "1e3": int64(1000),
		"9223372036854775808": errNotInteger, "1.5": errNotInteger, "1e300": errNotInteger,
		"9.3e18": errNotInteger,
	} {
		c := NewCursor([]byte(text))
		n := c.Int()
		if wantErr, ok := want.(error); ok {
			if !errors.Is(c.Err(), wantErr) {
				t.Errorf("%s: got %d, %v; want %v", text, n, c.Err(), wantErr)
			}
		} else if n != want || c.End() != nil {
			t.Errorf("%s: got %d, %v; want %v", text, n, c.Err(), want)
		}
	}
}

// FuzzCursor: the cursor accepts what encoding/json accepts, but for depth,
// lone surrogates and text that is not UTF-8, and what it wrote it reads again
// as the same.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e3,true,null,"\u00e9\n"],"b":{}}`,
		`["set",[["uuid","x"]]]`, `"\ud83d\ude00"`, `[[[]]]`, `{"a":1,"a":2}`, `1e5 `} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, text []byte) {
		c := NewCursor(text)
		var out bytes.Buffer
		walk(c, &out)
		if c.End() != nil {
			skip := NewCursor(text)
			if skip.Skip(); skip.End() == nil {
				t.Fatalf("Skip accepts what the walk refuses: %v", c.Err())
			}
			return
		}

		if !json.Valid(text) || !json.Valid(out.Bytes()) {
			t.Fatalf("accepted %q, which is not JSON; wrote %q", text, &out)
		}

		again := NewCursor(out.Bytes())
		var out2 bytes.Buffer
		if walk(again, &out2); again.End() != nil || !bytes.Equal(out.Bytes(), out2.Bytes()) {
			t.Fatalf("%q became %q became %q (%v)", text, &out, &out2, again.Err())
		}

		if raw := NewCursor(text); !bytes.Equal(bytes.TrimSpace(text), raw.Raw()) {
			t.Fatalf("Raw of %q is %q", text, NewCursor(text).Raw())
		}
	})
}

func TestFramer(t *testing.T) {
	stream := `{"a":"}{\"\\"} {"b":[{},"[",{"c":1}]}` + "\n\t" + `{}`
	want := []string{`{"a":"}{\"\\"}`, `{"b":[{},"[",{"c":1}]}`, `{}`}
	for name, r := range map[string]io.Reader{
		"at once":         strings.NewReader(stream),
		"byte by byte":    iotest.OneByteReader(strings.NewReader(stream)),
		"error with data": iotest.DataErrReader(strings.NewReader(stream)),
	} {
		t.Run(name, func(t *testing.T) {
			f := NewFramer(r, 1000)
			for _, w := range want {
				if msg, err := f.Next(); err != nil || string(msg) != w {
					t.Fatalf("got %s, %v; want %s", msg, err, w)
				}
			}

			if _, err := f.Next(); err != io.EOF {
				t.Fatalf("at the end: %v", err)
			}
		})
	}
}

func TestFramerLarge(t *testing.T) {
	var stream []byte
	var want []int
	for _, n := range []int{1, firstRead - 8, firstRead, keepBuffer * 2, 3, firstRead * 3, 5} {
		stream = append(append(append(stream, `{"a":"`...), strings.Repeat("x", n)...), `"}`...)
		want = append(want, n+8)
	}

	f := NewFramer(bytes.NewReader(stream), 1<<20)
	for _, n := range want {
		if msg, err := f.Next(); err != nil || len(msg) != n || !json.Valid(msg) {
			t.Fatalf("got %d bytes, %v; want %d", len(msg), err, n)
		}
	}

	if len(f.buf) > 2*keepBuffer*2 {
		t.Fatalf("buffer is still %d bytes", len(f.buf))
	}
}

func TestFramerRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, stream string
		want         func(error) bool
	}{
		{"no object", `[1]`, func(err error) bool { return errors.As(err, new(*SyntaxError)) }},
		{"text", "GET / HTTP/1.1\r\n",
			func(err error) bool { return errors.As(err, new(*SyntaxError)) }},
		{"too large", `{"a":"` + strings.Repeat("x", 200) + `"}`,
			func(err error) bool { return errors.Is(err, ErrTooLarge) }},
		{"endless string", `{"a":"` + strings.Repeat("x", 20000),
			func(err error) bool { return errors.Is(err, ErrTooLarge) }},
		{"endless nesting", strings.Repeat(`{"a":`, 5000),
			func(err error) bool { return errors.Is(err, ErrTooLarge) }},
		{"cut", `{"a":`, func(err error) bool { return err == io.ErrUnexpectedEOF }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := NewFramer(strings.NewReader(tc.stream), 100)
			if msg, err := f.Next(); !tc.want(err) {
				t.Fatalf("got %s, %v", msg, err)
			}

			if len(f.buf) > 2*firstRead {
				t.Fatalf("buffered %d bytes for a limit of 100", len(f.buf))
			}
		})
	}
}

// FuzzFramer: however a stream is cut into reads, the same messages come out.
func FuzzFramer(f *testing.F) {
	f.Add([]byte(`{"a":"\"}"}{}`), byte(1))
	f.Add([]byte(`{"a":[1,{"b":"\\"}]} {"c`), byte(3))
	f.Fuzz(func(t *testing.T, stream []byte, chunk byte) {
		read := func(r io.Reader) (msgs []string, err error) {
			for framer := NewFramer(r, 1<<12); ; {
				msg, err := framer.Next()
				if err != nil {
					return msgs, err
				}
				msgs = append(msgs, string(msg))
			}
		}
		whole, err1 := read(bytes.NewReader(stream))
		pieces, err2 := read(&chunkReader{stream, int(chunk)%7 + 1})
		if fmt.Sprint(whole, err1) != fmt.Sprint(pieces, err2) {
			t.Fatalf("whole: %q %v\npieces: %q %v", whole, err1, pieces, err2)
		}
	})
}

type chunkReader struct {
	data []byte
	n    int
}

func (r *chunkReader) Read(b []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}

	n := copy(b[:min(len(b), r.n)], r.data)
	r.data = r.data[n:]
	return n, nil
}
