package cli

import (
	"io"
	"os"
)

// OpenPcapng opens where flag --write has pcapng written: a file that its owner alone can read, or
// standard output for the name "-", which stays open when it is closed and must not be a terminal.
// Reader is a program that can read it, such as "tcpdump -nr -".
func (a *App) OpenPcapng(name, reader string) (io.WriteCloser, error) {
	switch {
	case name != "-":
		return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	case a.Width > 0:
		return nil, Usage("--write: a terminal cannot show pcapng: pipe it to a program such as %s",
			reader)
	}
	return unclosed{a.Out}, nil
}

// unclosed is a writer that stays open.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
