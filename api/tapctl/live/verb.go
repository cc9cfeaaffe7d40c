package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
)

const captureHelp = `Show the packets that a guest's NIC, or the virtual switch of a wire on a host,
sends and receives, as tcpdump does on a machine of your own: one line a packet, or pcapng with -w.
Nothing is stored, and nothing stays on any switch afterwards. The capture follows a guest that
migrates.

It needs the role operator. Each switch sends at most --rate-limit packets a second; what is dropped
for that is told at the end. For more, use --via vxlan: packets then come straight from the hosts,
to a UDP port of this machine, which they must reach. It makes a tap service and a tap flow for its
time, which expires within a minute should this program be killed.`

// answerTime is how long the controller has to end a capture and tell what became of it.
const answerTime = 5 * time.Second

// Verbs returns the commands of this package.
func Verbs(app *cli.App) []*cobra.Command {
	return []*cobra.Command{captureVerb(app), extcapVerb(app)}
}

func captureVerb(app *cli.App) *cobra.Command {
	var s source
	var v via
	var file string
	var verbose bool
	cmd := app.Command(cli.Verb{
		Use:   "capture (--guest-id G | --host-id H --wire-id W) [flags]",
		Short: "Show packets of a guest or a virtual switch as they pass",
		Long:  captureHelp,
		Example: `  tapctl capture --guest-id web --filter 'tcp port 443'
  tapctl capture --guest-id web -c 100 -w web.pcapng
  tapctl capture --guest-id web -w - | wireshark -k -i -
  tapctl capture --host-id host1 --wire-id net0 --vlan-id 30 --for 60s`,
		Args: cli.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) error {
			if v.encap != "" {
				return v.capture(cmd.Context(), app, &s, file, verbose)
			}
			to, err := openOutput(app, file, verbose)
			if err != nil {
				return err
			}
			return errors.Join(run(cmd.Context(), app, &s, to), to.close())
		},
	})

	s.bind(cmd)
	v.bind(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&file, "write", "w", "", `write pcapng to a file, "-" for standard output`)
	// It takes the place of the flag of all verbs.
	flags.BoolVarP(&verbose, "verbose", "v", false, "show more of each packet")
	return cmd
}

// output takes the stream of a capture until it ends or the output is closed.
type output interface {
	take(stream io.Reader) error
	close() error
}

// outputError is a failure to write the output.
type outputError struct{ error }

// openOutput opens where packets go: lines of text, or a file.
func openOutput(app *cli.App, file string, verbose bool) (output, error) {
	if file == "" {
		return &lines{to: app.Out, verbose: verbose}, nil
	}

	to, err := app.OpenPcapng(file, "wireshark -k -i -")
	if err != nil {
		return nil, err
	}
	return raw{to}, nil
}

// raw passes a stream on as it is.
type raw struct{ to io.WriteCloser }

func (r raw) take(stream io.Reader) error {
	b := make([]byte, 64<<10)
	for {
		n, err := stream.Read(b)
		if _, failed := r.to.Write(b[:n]); failed != nil {
			return outputError{failed}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r raw) close() error { return r.to.Close() }

// run captures until the capture ends, ctx does, or nobody reads the output any more; the last two
// are no errors.
func run(ctx context.Context, app *cli.App, s *source, to output) error {
	opts, err := s.options()
	if err != nil {
		return err
	}
	c, err := app.Client()
	if err != nil {
		return err
	}

	// After an interrupt the controller still tells what became of the packets.
	streaming, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	starting := context.AfterFunc(ctx, cancel)
	stream, err := c.Capture(streaming, opts...)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	defer stream.Close()
	if !starting() {
		return ctx.Err()
	}

	fmt.Fprintf(app.Err, "%s: capturing from %s\n", app.ProgramName(), s.name())
	stopping := context.AfterFunc(ctx, func() {
		end, done := context.WithTimeout(streaming, answerTime)
		defer done()
		if stream.Stop(end) != nil {
			cancel()
			return
		}
		<-end.Done() // The stream has ended by then.
		cancel()
	})
	defer stopping()

	err = to.take(stream)
	var closed outputError
	if errors.As(err, &closed) {
		return nil // Whoever reads the output has had enough.
	}
	return report(ctx, app, stream, err)
}

// report tells what became of the packets.
func report(ctx context.Context, app *cli.App, stream *client.Capture, err error) error {
	r, known := stream.Result()
	switch {
	case !known && ctx.Err() != nil:
		return nil
	case !known && err != nil:
		return fmt.Errorf("the capture broke off: %w", err)
	case !known:
		return errors.New("the capture broke off: the controller did not say why")
	}

	plural := "s"
	if r.Captured == 1 {
		plural = ""
	}
	fmt.Fprintf(app.Err, "%d packet%s captured, %d dropped by the limit, at least %d lost on the "+
		"way, %d dropped since this program was too slow\n", r.Captured, plural, r.Limited, r.Lost,
		r.Dropped)
	if r.End == api.CaptureFailed {
		return errors.New("the capture was ended: " + r.Detail)
	}
	return nil
}
