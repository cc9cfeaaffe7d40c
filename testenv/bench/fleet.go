//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
	"github.com/tapline-sdn/tapline/testenv/dummy"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// crowd is what each host of a fleet has: mirrored guests, further guests without a flow, tap
// services with a collector each, and tap flows. Flows go to services on the same host: the dummy
// datapath forwards nothing, so no tunnel probe would come back.
type crowd struct{ guests, spare, sinks, flows int }

// usual is the crowd of most measurements: one tap service on each host, and a flow from each guest
// to it.
var usual = crowd{guests: 10, sinks: 1, flows: 10}

// flow is the k-th flow of a host: first all guests to the first service, then all to the second,
// and so on. Where every guest goes to every service, OUT and IN are separate flows.
func (c crowd) flow(host, k int) tap.Flow {
	guest, sink, direction := k%c.guests, k/c.guests%c.sinks, tap.Both
	if c.flows > c.guests*c.sinks {
		direction = []tap.Direction{tap.Out, tap.In}[k/(c.guests*c.sinks)]
	}
	return tap.Flow{
		ID: flowName(host, k), Name: flowName(host, k), TapID: serviceName(host, sink),
		Type:    tap.FlowVNIC,
		GuestID: guestID(host, guest), MAC: guestMAC(host, guest), Direction: direction,
		Enabled: true,
	}
}

const (
	fleetAPI      = 18640
	fleetOpenFlow = 16653
)

// fleet is a number of switches with guests, and perhaps a controller of the first of them.
type fleet struct {
	*dummy.Fleet
	b *bench
	*controller
	crowd
	n       int // hosts that the controller keeps
	daemons []int
	idling  float64 // of a core, while nothing happens
}

func (b *bench) fleet(ctx context.Context, n int, each crowd) (*fleet, error) {
	begin := time.Now()
	hosts, err := dummy.Start(ctx, n)
	if err != nil {
		return nil, err
	}

	f := &fleet{Fleet: hosts, b: b, crowd: each, daemons: children(os.Getpid())}
	if err := f.plugGuests(ctx, 0, n); err != nil {
		return nil, errors.Join(err, hosts.Close())
	}

	b.say("  %d hosts run after %v", n, time.Since(begin).Round(time.Second))
	return f, nil
}

// plugGuests gives each host its guests and removes everything else, as before a controller first
// connects.
func (f *fleet) plugGuests(ctx context.Context, from, to int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.NumCPU())
	for i := from; i < to; i++ {
		group.Go(func() error {
			h := f.Hosts[i]
			args := []string{"--if-exists", "del-br", "brtap", "--", "--if-exists", "del-br",
				lab.WireBridge, "--", "add-br", lab.WireBridge}

			for g := range f.guests + f.spare {
				args = append(args, port(fmt.Sprintf("vnet%d", g), guestMAC(i, g),
					guestID(i, g))...)
			}

			for s := range f.sinks {
				args = append(args, port(sinkName(i, s), sinkMAC(i, s), sinkGuest(i, s))...)
			}

			if ctx.Err() != nil {
				return ctx.Err()
			}

			_, err := h.VSCtl(args...)
			return err
		})
	}

	return group.Wait()
}

func port(name string, mac tap.MAC, guest string) []string {
	return []string{"--", "add-port", lab.WireBridge, name, "--", "set", "interface", name,
		fmt.Sprintf("external_ids:attached-mac=%q", mac), "external_ids:vm-id=" + guest,
		"external_ids:iface-id=" + name + guest}
}

func guestMAC(host, guest int) tap.MAC {
	return tap.MAC{0x52, 0x54, 0, byte(host >> 8), byte(host), byte(guest)}
}
func sinkMAC(host, sink int) tap.MAC {
	return tap.MAC{0x52, 0x54, 1, byte(host >> 8), byte(host), byte(sink)}
}
func sinkName(host, sink int) string    { return fmt.Sprintf("tapnic%d-%d", host, sink) }
func serviceName(host, sink int) string { return fmt.Sprintf("sink-%d-%d", host, sink) }
func sinkGuest(host, sink int) string   { return fmt.Sprintf("sink-vm-%d-%d", host, sink) }
func guestID(host, guest int) string    { return fmt.Sprintf("vm-%d-%d", host, guest) }
func flowName(host, flow int) string    { return fmt.Sprintf("flow-%d-%d", host, flow) }

// storeIntent writes the intent of the first n hosts into a store, as if users had made it earlier.
func (f *fleet) storeIntent(ctx context.Context, dataDir string, n int) error {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return err
	}

	db, err := store.OpenBolt(filepath.Join(dataDir, "tapline.db"))
	if err != nil {
		return err
	}

	meta := store.Meta{CreatedAt: time.Now().UTC(), UpdatedAt: time.Now().UTC()}
	var ops []store.Op
	record := func(kind store.Kind, id string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err) // Plain structs always encode.
		}
		ops = append(ops, store.Op{Kind: kind, ID: id, Value: text})
	}

	for i, h := range f.Hosts[:n] {
		id := "id-" + h.Name
		record(store.KindHost, id, store.Host{Meta: meta, ID: id, Name: h.Name, OVSDB: h.OVSDB})
		for s := range f.sinks {
			record(store.KindService, serviceName(i, s),
				store.Service{Meta: meta, Service: tap.Service{
					ID: serviceName(i, s), Name: serviceName(i, s), Type: tap.ServiceGuest,
					TargetID: sinkGuest(i, s),
					MAC:      sinkMAC(i, s), IfName: sinkName(i, s), Enabled: true,
					Key: uint32(i*f.sinks + s + 1),
				}})
		}

		for k := range f.flows {
			record(store.KindFlow, flowName(i, k), store.Flow{Meta: meta, Flow: f.flow(i, k)})
		}
	}

	_, err = db.Commit(ctx, ops...)
	return errors.Join(err, db.Close())
}

// launch starts a controller of the first n hosts.
func (f *fleet) launch(ctx context.Context, dataDir string, n int) (err error) {
	f.n = n
	f.controller, err = f.b.start(ctx, place{
		command: exec.CommandContext, dial: (&net.Dialer{}).DialContext, api: fleetAPI,
		of: fleetOpenFlow, dataDir: dataDir,
	})
	return err
}

// awaitReady waits until all hosts and flows are ready, and returns how long that took since the
// controller was started.
func (f *fleet) awaitReady(ctx context.Context) (time.Duration, error) {
	var took time.Duration
	err := untilEvery(ctx, 5*time.Millisecond+time.Duration(f.n)*100*time.Microsecond,
		3*time.Minute, func() error {
			for _, want := range []struct {
				list string
				n    int
				// Hosts first: asking costs the controller time, and there are fewer of them.
			}{{"hosts", f.n}, {"tap_flows", f.n * f.flows}} {
				ready, err := f.ready(ctx, want.list)
				if err == nil && ready != want.n {
					err = fmt.Errorf("of %d %s %d are ready", want.n, want.list, ready)
				}
				if err != nil {
					return err
				}
			}

			took = time.Since(f.started)
			return nil
		})

	return took, err
}

// ready returns how many objects of a list are ready. It asks for a page beyond the end, so that
// the answer holds the total alone and costs the controller little.
func (f *fleet) ready(ctx context.Context, list string) (int, error) {
	var text strings.Builder
	if err := f.read(ctx, "/api/v1/"+list+"?status=ready&limit=1&offset=1000000",
		&text); err != nil {
		return 0, err
	}
	var page struct{ Total int }
	err := json.Unmarshal([]byte(text.String()), &page)
	return page.Total, err
}

// read copies the answer to a GET request.
func (f *fleet) read(ctx context.Context, path string, to io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet,
		fmt.Sprintf("http://127.0.0.1:%d%s", fleetAPI, path), nil)
	if err != nil {
		return err
	}

	token, err := os.ReadFile(filepath.Join(f.dataDir, "admin.token"))
	if err != nil {
		return err
	}

	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	resp, err := (&http.Client{Transport: f.http}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()

	if _, err = io.Copy(to, resp.Body); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, resp.Status)
	}

	return err
}

// usage returns what the controller with its plugin, and the switches, have used so far.
func (f *fleet) usage() (ours, switches usage) {
	pid := f.cmd.Process.Pid
	return used(append(children(pid), pid)), used(f.daemons)
}
