package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/decap"
)

// A capture by a tunnel is a tap service and a tap flow for its time, with this machine as the
// remote collector. The tap flow expires unless it is prolonged, so that the switches go silent
// though the program was killed.
const (
	viaLife    = time.Minute
	viaProlong = 20 * time.Second
	viaStarts  = 10 * time.Second // how long the tap flow may take until it is ready

	// viaLabel marks the tap services and tap flows, so that those of a program that was killed are
	// found.
	viaLabel = "tapctl-capture"
)

// via says how packets come, by flags.
type via struct {
	encap   string
	address string
}

func (v *via) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&v.encap, "via", "",
		"vxlan: packets come straight from the hosts, beyond what the controller can pass on")
	cmd.Flags().StringVar(&v.address, "via-address", "",
		"where hosts reach this machine (default its address towards the controller)")
}

// capture checks the flags, opens the output, and runs.
func (v *via) capture(
	ctx context.Context, app *cli.App, s *source, file string, verbose bool,
) error {
	if v.encap != "vxlan" {
		return cli.Usage("--via: %q is no way: want vxlan", v.encap)
	}
	if s.limit < 0 {
		return cli.Usage("--for: want a time such as 60s")
	}

	to, err := decap.OpenSink(app, file, v.encap, verbose)
	if err != nil {
		return err
	}
	return v.run(ctx, app, s, to)
}

// viaCapture is a capture by a tunnel that runs.
type viaCapture struct {
	c       *client.Client
	source  *source
	stream  *decap.Stream
	service api.TapService
	flow    api.TapFlow
}

// run captures until ctx ends, the time or the number that the source says, or nobody reads the
// output any more. Then tap flow and tap service are deleted.
func (v *via) run(ctx context.Context, app *cli.App, s *source, to decap.Sink) error {
	c, err := app.Client()
	if err != nil {
		return err
	}
	at, err := v.reachedAt(c)
	if err != nil {
		return err
	}

	stream, err := decap.Listen(ctx, v.encap, netip.Addr{}, 0)
	if err != nil {
		return err
	}
	stream.Most, stream.To = s.count, to
	x := &viaCapture{c: c, source: s, stream: stream}
	if err := x.begin(ctx, at); err != nil {
		return errors.Join(err, x.end(ctx), stream.Close())
	}

	fmt.Fprintf(app.Err, "%s: capturing from %s, by %s to %s, UDP port %d\n", app.ProgramName(),
		s.name(), v.encap, at, stream.Port())
	totals, err := x.take(ctx)
	fmt.Fprint(app.Err, totals)
	return errors.Join(err, x.end(ctx))
}

// reachedAt is the address at which hosts reach this machine.
func (v *via) reachedAt(c *client.Client) (netip.Addr, error) {
	if v.address != "" {
		at, err := netip.ParseAddr(v.address)
		if err != nil {
			return at, cli.Usage("--via-address: %q is no IP address", v.address)
		}
		return at, nil
	}

	conn, err := net.Dial("udp", c.HostPort()) // Nothing is sent.
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()

	at := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	if at.IsLoopback() {
		return at, cli.Usage("--via-address: say where hosts reach this machine, since %s, where "+
			"the controller is reached from, means nothing to them", at)
	}
	return at, nil
}

// begin creates the tap service and the tap flow, and waits until copies can come.
func (x *viaCapture) begin(ctx context.Context, at netip.Addr) (err error) {
	snaplen := 0
	if x.source.snaplen != "" {
		if snaplen, err = strconv.Atoi(x.source.snaplen); err != nil {
			return cli.Usage("--snaplen: %q is no number of octets", x.source.snaplen)
		}
	}

	if err := x.sweep(ctx); err != nil {
		return err
	}

	name := viaLabel + "-" + uuid.NewString()[:8]
	labels := map[string]string{viaLabel: "live"}
	x.service, err = x.c.TapServices().Create(ctx, api.TapServiceCreate{
		Name: name, Type: "remote", Address: at.String(), Encap: "vxlan", Port: x.stream.Port(),
		RateLimit: x.source.rateLimit, Labels: labels,
	})
	if err != nil {
		return err
	}
	x.stream.Key = x.service.Key
	if _, err := x.c.TapServices().Enable(ctx, x.service.ID); err != nil {
		return err
	}

	expires := time.Now().Add(viaLife)
	body := api.TapFlowCreate{
		Name: name, TapID: x.service.ID, Type: "vnic", GuestID: x.source.guest,
		MACAddr: x.source.mac, Direction: x.source.direction, Filter: x.source.filter,
		Snaplen: snaplen, ExpiresAt: &expires, Labels: labels,
	}
	if x.source.host != "" {
		body.Type, body.HostID, body.WireID = "vswitch", x.source.host, x.source.wire
	}
	if vlan := int(x.source.vlan); vlan != 0 {
		body.VLANID = &vlan
	}

	if x.flow, err = x.c.TapFlows().Create(ctx, body, client.Wait(viaStarts)); err != nil {
		return err
	}
	if x.flow.Status != api.Ready {
		return fmt.Errorf("nothing can be captured: %s", x.flow.Reason)
	}
	return nil
}

// sweep deletes what programs that were killed have left: their tap flows have expired.
func (x *viaCapture) sweep(ctx context.Context) error {
	list, err := x.c.TapFlows().List(ctx, client.Where("selector", "label."+viaLabel))
	if err != nil {
		return err
	}

	for _, f := range list.TapFlows {
		if f.ExpiresAt == nil || time.Now().Before(*f.ExpiresAt) {
			continue
		}
		err := x.c.TapFlows().Delete(ctx, f.ID)
		if err == nil {
			err = x.c.TapServices().Delete(ctx, f.TapID)
		}
		if err != nil && !client.IsStatus(err, http.StatusNotFound) {
			return err
		}
	}
	return nil
}

// take passes packets on, and prolongs the tap flow meanwhile.
func (x *viaCapture) take(ctx context.Context) (decap.Totals, error) {
	if x.source.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, x.source.limit)
		defer cancel()
	}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	prolonging := make(chan error, 1)
	go func() {
		defer stop()
		prolonging <- x.prolong(ctx)
	}()

	totals, err := x.stream.Run(ctx)
	stop()
	return totals, errors.Join(err, <-prolonging)
}

// prolong moves the expiry of the tap flow until ctx ends. It fails when the tap flow is not the
// caller's any more, or could not be prolonged before it has expired.
func (x *viaCapture) prolong(ctx context.Context) error {
	tick := time.NewTicker(viaProlong)
	defer tick.Stop()
	lives := time.Now().Add(viaLife)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}

		until := time.Now().Add(viaLife)
		_, err := x.c.TapFlows().Update(ctx, x.flow.ID, api.TapFlowPatch{ExpiresAt: api.Set(until)})
		switch {
		case err == nil:
			lives = until
		case ctx.Err() != nil:
			return nil
		case time.Now().After(lives):
			return fmt.Errorf("the tap flow of the capture could not be prolonged: %w", err)
		}
	}
}

// end deletes the tap flow and the tap service, also after an interrupt.
func (x *viaCapture) end(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), viaStarts)
	defer cancel()

	if x.flow.ID != "" {
		err = x.c.TapFlows().Delete(ctx, x.flow.ID, client.Wait(answerTime))
	}
	if x.service.ID != "" {
		err = errors.Join(err, x.c.TapServices().Delete(ctx, x.service.ID, client.Wait(answerTime)))
	}
	if err != nil {
		return fmt.Errorf("tap flow and tap service %s are left, delete them: %w", x.service.Name,
			err)
	}
	return nil
}
