package live

import (
	"bufio"
	"errors"
	"io"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/tapline-sdn/tapline/api/tapctl/oneline"
)

// lines prints one line for each packet, much as tcpdump -n does.
type lines struct {
	to      io.Writer
	verbose bool
}

func (l *lines) close() error { return nil }

func (l *lines) take(stream io.Reader) error {
	r, err := pcapgo.NewNgReader(bufio.NewReader(stream), pcapgo.NgReaderOptions{})
	if err != nil {
		return err
	}

	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}

		line := oneline.Line(info.Timestamp, data, info.Length, l.verbose)
		if _, err := io.WriteString(l.to, line+"\n"); err != nil {
			return outputError{err}
		}
	}
}
