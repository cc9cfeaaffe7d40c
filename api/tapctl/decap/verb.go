package decap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
)

const help = `Receive the copies of a remote tap service on this machine, and take the mirrored
frames out of their tunnel. This is for collectors whose programs do not know the encapsulation. It
needs no controller.

Frames go to a pcapng file (-w; "-" is standard output) or to a TAP device (-i), on which any
program can capture them; without either, there is a line for each. A TAP device that does not exist
is made; it has no addresses, no ARP and no IPv6, and goes with the program. Broadcasts on it reach
this machine's own services, as on any other NIC.

GRE and ERSPAN are received by root alone, or with CAP_NET_RAW. What the controller sends into a
tunnel to keep it alive is left out with --key.`

// options are the flags.
type options struct {
	encap  string
	port   uint16
	listen string
	key    uint32
	file   string
	device string
	count  uint64
	limit  time.Duration
}

// Verb is the verb decap.
func Verb(app *cli.App) *cobra.Command {
	var o options
	cmd := app.Command(cli.Verb{
		Use:   "decap --encap E [-w FILE|-i IFACE] [flags]",
		Short: "Take the copies of a remote tap service out of their tunnel",
		Long:  help,
		Example: `  tapctl decap --encap vxlan
  tapctl decap --encap vxlan -w - | tcpdump -nr -
  tapctl decap --encap vxlan --port 8472 --key 42 -i tap0
  tapctl decap --encap erspan1 -w ids.pcapng --for 60s`,
		Args: cli.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd, app)
		},
	})

	flags := cmd.Flags()
	flags.StringVar(&o.encap, "encap", "", "encapsulation: "+strings.Join(names(), ", "))
	flags.Uint16Var(&o.port, "port", 0, "UDP port of vxlan (default 4789) or geneve (6081)")
	flags.StringVar(&o.listen, "listen", "", "receive at this address only")
	flags.Uint32Var(&o.key, "key", 0, "only frames with this GRE key, VNI or ERSPAN session")
	flags.StringVarP(&o.file, "write", "w", "", `write pcapng to a file, "-" for standard output`)
	flags.StringVarP(&o.device, "interface", "i", "", "put the frames on a TAP device")
	flags.Uint64VarP(&o.count, "count", "c", 0, "end after so many frames")
	flags.DurationVar(&o.limit, "for", 0, "end after a time, such as 60s")
	cli.Require(cmd, "encap")
	cmd.MarkFlagsMutuallyExclusive("write", "interface")

	return cmd
}

func names() []string {
	var all []string
	for _, e := range encapsulations {
		all = append(all, e.name)
	}
	return all
}

func (o *options) run(cmd *cobra.Command, app *cli.App) error {
	encap, at, err := o.check(cmd)
	if err != nil {
		return err
	}

	ctx := cmd.Context()
	if o.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.limit)
		defer cancel()
	}

	s, err := Listen(ctx, encap.name, at, o.port)
	if err != nil {
		return err
	}

	s.Most = o.count
	if cmd.Flags().Changed("key") {
		s.Key = &o.key
	}
	if s.To, err = o.open(app, encap); err != nil {
		return errors.Join(err, s.Close())
	}

	fmt.Fprintf(app.Err, "%s, listening for %s\n", app.ProgramName(), o.describe(encap))
	totals, err := s.Run(ctx)
	fmt.Fprint(app.Err, totals)
	return err
}

// check reads the flags; what is not given gets its default.
func (o *options) check(cmd *cobra.Command) (encapsulation, netip.Addr, error) {
	encap, ok := find(o.encap)
	if !ok {
		return encap, netip.Addr{}, cli.Usage("--encap: %q is no encapsulation: want %s", o.encap,
			strings.Join(names(), ", "))
	}

	switch {
	case o.limit < 0:
		return encap, netip.Addr{}, cli.Usage("--for: want a time such as 60s")
	case encap.port == 0 && o.port != 0:
		return encap, netip.Addr{}, cli.Usage("--port: %s has no ports: leave it out", encap.name)
	case encap.port != 0 && !cmd.Flags().Changed("port"):
		o.port = encap.port
	case encap.port != 0 && o.port == 0:
		return encap, netip.Addr{}, cli.Usage("--port: want 1 to 65535")
	}

	if o.listen == "" {
		return encap, netip.Addr{}, nil
	}
	at, err := netip.ParseAddr(o.listen)
	if err != nil {
		return encap, at, cli.Usage("--listen: %q is no IP address of this machine", o.listen)
	}
	return encap, at.Unmap(), nil
}

// open opens where the frames go.
func (o *options) open(app *cli.App, encap encapsulation) (Sink, error) {
	if o.device != "" {
		return openDevice(o.device)
	}
	return OpenSink(app, o.file, encap.name, false)
}

// describe says what is listened for.
func (o *options) describe(encap encapsulation) string {
	text := encap.name
	if encap.port != 0 {
		text = fmt.Sprintf("%s at UDP port %d", encap.name, o.port)
	}
	if o.listen != "" {
		text += " of " + o.listen
	}
	return text
}
