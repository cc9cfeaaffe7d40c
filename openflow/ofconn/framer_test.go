package ofconn

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/tapline-sdn/tapline/openflow"
)

// FuzzFramer: however a stream arrives, the framer cuts it the same way.
func FuzzFramer(f *testing.F) {
	var stream []byte
	for _, n := range []int{0, 1, 5000, 0, 65527, 65527, 3} {
		var err error
		if stream, err = openflow.AppendMessage(stream, 1,
			&openflow.EchoRequest{Data: make([]byte, n)}); err != nil {
			f.Fatal(err)
		}
	}

	f.Add(stream)
	f.Add(stream[:len(stream)-1])
	f.Add([]byte{4, 0, 0, 7, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, stream []byte) {
		want, wantErr := cut(bytes.NewReader(stream))
		if n := len(bytes.Join(want, nil)); !bytes.Equal(bytes.Join(want, nil), stream[:n]) {
			t.Fatal("the messages are not the stream")
		}

		if end := errors.Is(wantErr, io.EOF); end != (len(bytes.Join(want, nil)) == len(stream)) {
			t.Fatalf("the stream ends with %v", wantErr)
		}

		for name, r := range map[string]io.Reader{
			"byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
			"in halves":    iotest.HalfReader(bytes.NewReader(stream)),
			"with the end": iotest.DataErrReader(bytes.NewReader(stream)),
		} {
			got, err := cut(r)
			if len(got) != len(want) || err.Error() != wantErr.Error() {
				t.Fatalf("%s: %d messages, %v; want %d, %v", name, len(got), err, len(want),
					wantErr)
			}

			for i := range got {
				if !bytes.Equal(got[i], want[i]) {
					t.Fatalf("%s: message %d differs", name, i)
				}
			}
		}
	})
}

// cut returns all messages of a stream, and how it ended.
func cut(r io.Reader) ([][]byte, error) {
	f := framer{r: r}
	var messages [][]byte
	for {
		b, err := f.next()
		if err != nil {
			return messages, err
		}
		messages = append(messages, bytes.Clone(b))
	}
}

// TestFramerGoesOnAfterTimeout: a timeout in the middle of a message loses
// nothing.
func TestFramerGoesOnAfterTimeout(t *testing.T) {
	stream, err := openflow.AppendMessage(nil, 1, &openflow.EchoRequest{Data: []byte("data")})
	if err != nil {
		t.Fatal(err)
	}

	f := framer{r: iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(stream)))}
	if _, err := f.next(); !errors.Is(err, iotest.ErrTimeout) {
		t.Fatalf("next: %v, want a timeout", err)
	}

	f.shrink() // Must keep what has arrived.

	if b, err := f.next(); err != nil || !bytes.Equal(b, stream) {
		t.Errorf("next: %x, %v; want %x", b, err, stream)
	}
}
