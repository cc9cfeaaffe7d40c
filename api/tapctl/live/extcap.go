package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

const extcapHelp = `Wireshark calls this, by a link named tapctl-extcap among its extcap
programs; make install puts one there. Then Wireshark and tshark list the NICs of guests and the
wires of hosts beside the interfaces of the machine, and capture them as verb capture does. It uses
the context and the token of the user (tapctl config --help).`

// extcap are the flags by which Wireshark says what it wants (extcap(4)).
type extcap struct {
	interfaces, dlts, config, capture bool
	of, fifo, version                 string
	filter                            string
	source                            source
}

func extcapVerb(app *cli.App) *cobra.Command {
	var x extcap
	cmd := app.Command(cli.Verb{
		Use:   "extcap [flags]",
		Short: "Capture from within Wireshark, which calls this",
		Long:  extcapHelp,
		Example: `  tapctl extcap --extcap-interfaces
  tshark -i tapline,guest,web -f 'tcp port 443'`,
		Args: cli.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) error {
			return x.run(cmd.Context(), app)
		},
	})

	flags := cmd.Flags()
	flags.BoolVar(&x.interfaces, "extcap-interfaces", false, "list the interfaces")
	flags.BoolVar(&x.dlts, "extcap-dlts", false, "list the link types of an interface")
	flags.BoolVar(&x.config, "extcap-config", false, "list the settings of an interface")
	flags.BoolVar(&x.capture, "capture", false, "capture")
	flags.StringVar(&x.of, "extcap-interface", "", "the interface")
	flags.StringVar(&x.fifo, "fifo", "", "where pcapng is written")
	flags.StringVar(&x.filter, "extcap-capture-filter", "",
		"the filter; without --capture it is only checked")
	flags.StringVar(&x.version, "extcap-version", "", "version of Wireshark, which does not matter")
	flags.StringVar(&x.source.snaplen, "snaplen", "", "octets of each packet that are kept")
	flags.StringVar(&x.source.rateLimit, "rate-limit", "", "packets a second of each switch")
	flags.StringVar(&x.source.direction, "direction", "", "IN, OUT or BOTH")
	return cmd
}

func (x *extcap) run(ctx context.Context, app *cli.App) error {
	switch {
	case x.interfaces:
		return listInterfaces(ctx, app)
	case x.of == "":
		return cli.Usage("want --extcap-interfaces, or an --extcap-interface")
	case x.dlts:
		return print(app, "dlt {number=1}{name=EN10MB}{display=Ethernet}\n")
	case x.config:
		return print(app, settings)
	}

	if err := x.source.setInterface(x.of); err != nil {
		return err
	}
	x.source.filter = x.filter
	if !x.capture {
		return x.check(ctx, app)
	}

	if x.fifo == "" {
		return cli.Usage("want --fifo")
	}
	f, err := os.OpenFile(x.fifo, os.O_WRONLY, 0) // It waits for Wireshark to open it too.
	if err != nil {
		return err
	}
	return errors.Join(run(ctx, app, &x.source, raw{f}), f.Close())
}

func print(app *cli.App, text string) error {
	_, err := io.WriteString(app.Out, text)
	return err
}

// settings are the fields that Wireshark shows for an interface.
const settings = `arg {number=0}{call=--snaplen}{display=Octets kept}` +
	`{tooltip=Octets of each packet that are kept; 0 keeps all}{type=unsigned}{range=0,65535}` +
	`{default=0}
arg {number=1}{call=--rate-limit}{display=Rate limit}` +
	`{tooltip=Packets a second that each switch sends, such as 2000pps; at most 10000pps}` +
	`{type=string}{default=2000pps}
arg {number=2}{call=--direction}{display=Direction}` +
	`{tooltip=As the guest or the host sees it}{type=selector}
value {arg=2}{value=BOTH}{display=both}{default=true}
value {arg=2}{value=IN}{display=received}{default=false}
value {arg=2}{value=OUT}{display=sent}{default=false}
`

// check has the controller check the filter. Wireshark shows what is printed as the error.
func (x *extcap) check(ctx context.Context, app *cli.App) error {
	opts, err := x.source.options()
	if err != nil {
		return err
	}
	c, err := app.Client()
	if err != nil {
		return err
	}

	var refused *client.Error
	err = c.CheckCapture(ctx, opts...)
	if errors.As(err, &refused) {
		return print(app, refused.Problem.Detail+"\n")
	}
	return err
}

// Interfaces are named tapline,guest,ID[,MAC] and tapline,wire,HOST,WIRE. Commas inside ids are
// escaped as in URLs.

func interfaceName(parts ...string) string {
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "tapline," + strings.Join(parts, ",")
}

// setInterface is the reverse of interfaceName.
func (s *source) setInterface(name string) error {
	parts := strings.Split(name, ",")
	for i := range parts {
		part, err := url.PathUnescape(parts[i])
		if err != nil {
			return fmt.Errorf("--extcap-interface %q: %w", name, err)
		}
		parts[i] = part
	}

	switch {
	case len(parts) == 3 && parts[1] == "guest":
		s.guest = parts[2]
	case len(parts) == 4 && parts[1] == "guest":
		s.guest, s.mac = parts[2], strings.ReplaceAll(parts[3], "-", ":")
	case len(parts) == 4 && parts[1] == "wire":
		s.host, s.wire = parts[2], parts[3]
	default:
		return fmt.Errorf("there is no interface %q", name)
	}
	return nil
}

// listInterfaces lists the NICs of all guests, and the wires of all hosts. Where the controller
// cannot be asked there are none: Wireshark would show the error each time that it starts.
func listInterfaces(ctx context.Context, app *cli.App) error {
	text := "extcap {version=" + app.Version + "}{display=Tapline}\n"
	if err := print(app, text); err != nil {
		return err
	}

	c, err := app.Client()
	if err != nil {
		return nil
	}
	guests, err := c.Guests().List(ctx)
	if err != nil {
		fmt.Fprintln(app.Err, err)
		return nil
	}
	for _, g := range guests.Guests {
		for _, nic := range g.NICs {
			parts := []string{"guest", g.Name}
			name := "guest " + g.Name
			if len(g.NICs) > 1 {
				parts = append(parts, strings.ReplaceAll(nic.MAC, ":", "-"))
				name += " " + nic.MAC
			}
			if err := printInterface(app, interfaceName(parts...), name); err != nil {
				return err
			}
		}
	}

	wires, err := c.Wires().List(ctx)
	if err != nil {
		fmt.Fprintln(app.Err, err)
		return nil
	}
	for _, w := range wires.Wires {
		for _, at := range w.Hosts {
			name := interfaceName("wire", at.Host, w.Name)
			if err := printInterface(app, name, "wire "+w.Name+" on "+at.Host); err != nil {
				return err
			}
		}
	}
	return nil
}

func printInterface(app *cli.App, name, display string) error {
	// Braces end a value in Wireshark's format.
	display = strings.NewReplacer("{", "(", "}", ")").Replace(format.Printable(display))
	return print(app, fmt.Sprintf("interface {value=%s}{display=Tapline: %s}\n", name, display))
}
