//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestCapture captures live, and makes sure that nothing of a capture stays.
func TestCapture(t *testing.T) {
	w := newWorld(t, 2, 2)
	h1, h2 := w.Hosts[0], w.Hosts[1]
	x := &captures{world: w, web: w.guest(t, h1, "web"), db: w.guest(t, h1, "db")}

	w.run(t, "whole", func(t *testing.T) { x.whole(t) })
	w.run(t, "filter and snaplen", func(t *testing.T) { x.filtered(t) })
	w.run(t, "limit", func(t *testing.T) { x.limited(t) })
	w.run(t, "virtual switch", func(t *testing.T) { x.wire(t) })
	w.run(t, "refusals", func(t *testing.T) { x.refusals(t) })
	w.run(t, "tapctl", func(t *testing.T) { x.commands(t) })
	w.run(t, "wireshark", func(t *testing.T) { x.wireshark(t) })
	w.run(t, "plugin killed", func(t *testing.T) { x.pluginKilled(t) })
	w.run(t, "client killed", func(t *testing.T) { x.clientKilled(t) })
	w.run(t, "migration", func(t *testing.T) { x.migrates(t, h2) })
	w.run(t, "controller killed", func(t *testing.T) { x.controllerKilled(t) })
}

// captures is the scene of TestCapture.
type captures struct {
	*world
	web, db *lab.Guest
}

// live is a capture with what it has shown so far.
type live struct {
	*client.Capture
	done chan struct{}

	mu     sync.Mutex
	frames [][]byte
	err    error
}

// begin begins a capture of guest web, and reads it.
func (x *captures) begin(t testing.TB, opts ...client.Option) *live {
	t.Helper()
	c, err := x.api.Capture(t.Context(), append(opts, client.Where("guest_id", x.web.ID))...)
	must(t, err)
	return read1(t, c)
}

func read1(t testing.TB, c *client.Capture) *live {
	l := &live{Capture: c, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		r, err := pcapgo.NewNgReader(c, pcapgo.NgReaderOptions{})
		for err == nil {
			var data []byte
			if data, _, err = r.ReadPacketData(); err == nil {
				l.mu.Lock()
				l.frames = append(l.frames, bytes.Clone(data))
				l.mu.Unlock()
			}
		}
		l.err = err
	}()
	t.Cleanup(func() {
		_ = c.Close()
		<-l.done
	})
	return l
}

func (l *live) data() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([][]byte(nil), l.frames...)
}

// end stops a capture and returns what became of its packets.
func (l *live) end(t testing.TB) api.CaptureResult {
	t.Helper()
	must(t, l.Stop(deadline(t)))
	return l.result(t)
}

// result waits for the end of a capture.
func (l *live) result(t testing.TB) api.CaptureResult {
	t.Helper()
	select {
	case <-l.done:
	case <-deadline(t).Done():
		t.Fatal("the stream does not end")
	}
	if !errors.Is(l.err, io.EOF) {
		t.Fatalf("the stream ended with %v", l.err)
	}
	r, known := l.Result()
	if !known {
		t.Fatal("the stream has no trailer")
	}
	return r
}

// shows waits until a capture has shown some packets.
func (l *live) shows(t testing.TB, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d packets", n), func() error {
		if got := len(l.data()); got < n {
			return fmt.Errorf("%d packets", got)
		}
		return nil
	})
}

// clean holds that nothing of a capture is left on the hosts.
func (x *captures) clean(t testing.TB) {
	t.Helper()
	for _, h := range x.Hosts {
		eventually(t, "nothing is left on "+h.Name, func() error {
			d, err := read(h)
			if err != nil {
				return err
			}
			controllers := 0
			for key, r := range d {
				if strings.HasPrefix(r["name"], "tlm-") || strings.HasPrefix(r["name"], "tlt-") ||
					strings.HasPrefix(key, "Mirror/") {
					return fmt.Errorf("%s %s", key, r["name"])
				}
				if strings.HasPrefix(key, "Controller/") {
					controllers++
				}
			}
			flows, err := h.OFCtl("--no-stats", "dump-flows", "brtap")
			if err != nil {
				return err
			}
			meters, err := h.OFCtl("-O", "OpenFlow13", "dump-meters", "brtap")
			switch {
			case err != nil:
				return err
			case controllers > 1:
				return fmt.Errorf("%d controllers", controllers)
			case strings.Contains(flows, "cookie=0x74610002"),
				strings.Contains(flows, "controller("):
				return fmt.Errorf("flows:\n%s", flows)
			case strings.Contains(meters, "rate="):
				return fmt.Errorf("meters:\n%s", meters)
			}
			return nil
		})
	}
}

// steady sends numbered frames of some octets from web to db, at 1,000 a second.
func (x *captures) steady(t testing.TB, count uint64, octets int) {
	t.Helper()
	s, err := x.web.Sender("eth0")
	must(t, err)
	defer func() { must(t, s.Close()) }()
	traffic := s.Start(deadline(t), lab.Stream{PPS: 1000, Count: count,
		Frame: func(n uint64) []byte {
			return lab.UDP{Src: x.web.MAC(), Dst: x.db.MAC(), Tag: 7, Seq: n, Len: octets}.Frame()
		}})
	_, err = traffic.Wait()
	must(t, err)
}

func (x *captures) whole(t *testing.T) {
	l := x.begin(t)
	own := capture(t, x.web.Node, "eth0", lab.Both)
	x.steady(t, 2000, 1400)
	send(t, x.db, untaggedKinds(x.db.MAC(), x.web.MAC())...)
	must(t, own.WaitQuiet(deadline(t), quiet))
	l.shows(t, len(own.Data()))
	r := l.end(t)

	if diff := lab.Diff(own.Multiset(), lab.MultisetOf(l.data())); diff != "" {
		t.Error(diff)
	}
	if r.Limited+r.Lost+r.Dropped != 0 || r.Captured != uint64(len(l.data())) ||
		r.End != api.CaptureStopped {
		t.Errorf("%+v of %d packets", r, len(l.data()))
	}
	x.clean(t)
}

func (x *captures) filtered(t *testing.T) {
	l := x.begin(t, client.Where("filter", "udp port 53"), client.Where("snaplen", "64"),
		client.Where("direction", "OUT"), client.Where("count", "3"))
	for range 4 {
		send(t, x.web, filterFrames(x.web.MAC(), x.db.MAC())...)
		send(t, x.db, filterFrames(x.db.MAC(), x.web.MAC())...)
	}
	r := l.result(t)
	if r.End != api.CaptureCount || r.Captured != 3 || len(l.data()) != 3 {
		t.Errorf("%+v of %d packets", r, len(l.data()))
	}
	mac := x.web.MAC()
	for _, f := range l.data() {
		if len(f) > 64 || !bytes.Equal(f[6:12], mac[:]) {
			t.Errorf("%d octets: %x", len(f), f)
		}
	}
	x.clean(t)
}

// limited floods a capture: what exceeds its rate is dropped on the switch and counted, and the
// guest's own traffic stays whole.
func (x *captures) limited(t *testing.T) {
	l := x.begin(t, client.Where("rate_limit", "100pps"))
	own := capture(t, x.db.Node, "eth0", lab.In)
	x.steady(t, 2000, 200)
	eventually(t, "the guest's own traffic", func() error {
		if n := len(own.Data()); n < 2000 {
			return fmt.Errorf("%d frames", n)
		}
		return nil
	})
	r := l.end(t)
	if r.Captured < 150 || r.Captured > 400 || r.Limited+r.Captured != 2000 || r.Lost > 0 {
		t.Errorf("%+v", r)
	}
	x.clean(t)
}

func (x *captures) wire(t *testing.T) {
	c, err := x.api.Capture(t.Context(), client.Where("host_id", x.Hosts[0].Name),
		client.Where("wire_id", lab.WireBridge), client.Where("duration", "700ms"))
	must(t, err)
	l := read1(t, c)
	x.steady(t, 50, 1400)
	l.shows(t, 50)
	if r := l.result(t); r.End != api.CaptureDuration {
		t.Errorf("%+v", r)
	}
	x.clean(t)
}

func (x *captures) refusals(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		text   string
		opts   []client.Option
	}{
		"filter": {400, "filter", []client.Option{client.Where("filter", "tcp prt 443")}},
		"rate":   {400, "10000pps", []client.Option{client.Where("rate_limit", "20000pps")}},
		"guest":  {400, "no guest", []client.Option{client.Where("guest_id", "nobody")}},
		"both":   {400, "not both", []client.Option{client.Where("host_id", "host1")}},
	} {
		opts := append([]client.Option{client.Where("guest_id", x.web.ID)}, tc.opts...)
		_, err := x.api.Capture(t.Context(), opts...)
		if !client.IsStatus(err, tc.status) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v", name, err)
		}
	}

	must(t, x.api.CheckCapture(deadline(t), client.Where("guest_id", x.web.ID)))
	created, err := x.api.Tokens().Create(deadline(t), api.TokenCreate{Name: "looks",
		Role: "viewer"})
	must(t, err)
	viewer, err := client.New(client.Config{Server: x.server, Token: created.Secret,
		HTTPClient: &http.Client{Transport: x.http}})
	must(t, err)
	_, err = viewer.Capture(t.Context(), client.Where("guest_id", x.web.ID))
	if !client.IsStatus(err, http.StatusForbidden) {
		t.Errorf("a viewer captures: %v", err)
	}

	var all []*live
	for range 4 {
		all = append(all, x.begin(t))
	}
	_, err = x.api.Capture(t.Context(), client.Where("guest_id", x.web.ID))
	if !client.IsStatus(err, 429) {
		t.Errorf("a fifth capture: %v", err)
	}
	for _, l := range all {
		l.end(t)
	}
	x.clean(t)
}

// command starts tapctl in the controller's namespace.
func (x *captures) command(t testing.TB, out io.Writer, errs *strings.Builder,
	args ...string) *exec.Cmd {
	t.Helper()
	cmd := x.node.Command(context.Background(), program(t, "tapctl"), args...)
	cmd.Env = append(cmd.Env, "TAPLINE_SERVER="+x.server,
		"TAPLINE_TOKEN_FILE="+filepath.Join(x.dataDir, "admin.token"))
	cmd.Stdout, cmd.Stderr = out, errs
	must(t, cmd.Start())
	return cmd
}

func (x *captures) commands(t *testing.T) {
	stop := x.feed(t)
	defer stop()
	out, errs, code := x.tapctl(t, "capture", "--guest-id", x.web.ID, "-c", "2", "--filter", "udp")
	if code != 0 || strings.Count(out, "UDP, length") != 2 ||
		!strings.Contains(errs, "2 packets captured, 0 dropped by the limit") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}

	file := filepath.Join(t.TempDir(), "web.pcapng")
	var text strings.Builder
	cmd := x.command(t, io.Discard, &text, "capture", "--guest-id", x.web.ID, "-w", file)
	eventually(t, "the file grows", func() error {
		if info, err := os.Stat(file); err != nil || info.Size() < 10_000 {
			return errors.New("not yet")
		}
		return nil
	})
	must(t, cmd.Process.Signal(os.Interrupt))
	if err := cmd.Wait(); err != nil || !strings.Contains(text.String(), "packets captured") {
		t.Errorf("%v\n%s", err, text.String())
	}
	if list := tcpdumpFile(t, file); strings.Count(list, "\n") < 5 {
		t.Errorf("tcpdump reads %q", list)
	}

	reader, writer, err := os.Pipe()
	must(t, err)
	text.Reset()
	cmd = x.command(t, writer, &text, "capture", "--guest-id", x.web.ID, "-w", "-")
	must(t, writer.Close())
	_, err = io.ReadFull(reader, make([]byte, 1000))
	must(t, err)
	must(t, reader.Close())
	_ = cmd.Wait() // By SIGPIPE, as other programs.
	if strings.Contains(text.String(), "next:") {
		t.Errorf("a closed pipe is an error: %s", text.String())
	}
	x.clean(t)
}

// tcpdumpFile lists the packets of a file.
func tcpdumpFile(t testing.TB, file string) string {
	t.Helper()
	var errs strings.Builder
	cmd := exec.Command("tcpdump", "-Z", "root", "-nr", file)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tcpdump: %v: %s", err, errs.String())
	}
	return string(out)
}

// feed sends frames from web to db until it is stopped.
func (x *captures) feed(t testing.TB) (stop func()) {
	t.Helper()
	_, traffic := stream(t, x.web, x.db.MAC(), 200)
	return func() { must(t, traffic.Stop()) }
}

func (x *captures) pluginKilled(t *testing.T) {
	defer x.feed(t)()
	l := x.begin(t)
	l.shows(t, 10)
	for _, pid := range x.children() {
		must(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	eventually(t, "the plugin is back", func() error { return x.api.Ready(deadline(t)) })
	l.shows(t, len(l.data())+100)
	if r := l.end(t); r.End != api.CaptureStopped {
		t.Errorf("%+v", r)
	}
	x.clean(t)
}

func (x *captures) clientKilled(t *testing.T) {
	defer x.feed(t)()
	var out bytes.Buffer
	var errs strings.Builder
	cmd := x.command(t, &out, &errs, "capture", "--guest-id", x.web.ID)
	eventually(t, "it captures", func() error {
		if flows, _ := x.Hosts[0].OFCtl("dump-flows", "brtap"); !strings.Contains(flows,
			"controller(") {
			return errors.New("not yet")
		}
		return nil
	})
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // It was killed.
	x.clean(t)
}

func (x *captures) migrates(t *testing.T, to *lab.Host) {
	l := x.begin(t)
	send(t, x.web, numbered(x.web.MAC(), x.db.MAC(), 0, 100)...)
	l.shows(t, 1)
	from := x.web.Host()
	must(t, x.web.MoveTo(deadline(t), to))
	before := len(l.data())
	eventually(t, "packets from the other host", func() error {
		send(t, x.web, numbered(x.web.MAC(), x.db.MAC(), 0, 100)...)
		if len(l.data()) == before {
			return errors.New("none")
		}
		return nil
	})
	l.end(t)
	x.clean(t)
	must(t, x.web.MoveTo(deadline(t), from))
}

func (x *captures) controllerKilled(t *testing.T) {
	stop := x.feed(t)
	defer stop()
	l := x.begin(t)
	l.shows(t, 10)
	x.stop(t, syscall.SIGKILL)
	<-l.done
	if r, known := l.Result(); known {
		t.Errorf("the stream ended as if it were complete: %+v", r)
	}
	x.start(t)
	x.clean(t)

	last := x.begin(t)
	last.shows(t, 1)
	x.stop(t, syscall.SIGTERM)
	if r := last.result(t); r.End != api.CaptureFailed || !strings.Contains(r.Detail, "stopping") {
		t.Errorf("%+v", r)
	}
	x.start(t)
	x.clean(t)
}
