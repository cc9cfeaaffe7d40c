//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestKernelTCP mirrors TCP connections over the tunnel, where the kernel merges and divides
// segments before it counts them: no loss may be told that did not happen, and none be denied.
func TestKernelTCP(t *testing.T) {
	lab.SkipUnless(t, lab.System)
	w := newWorld(t, 2, 2)
	h1, h2 := w.Hosts[0], w.Hosts[1]
	web := w.guest(t, h1, "web", lab.GuestNIC{IP: netip.MustParsePrefix("10.220.1.1/24")})
	db := w.guest(t, h1, "db", lab.GuestNIC{IP: netip.MustParsePrefix("10.220.1.2/24")})
	ids := w.guest(t, h2, "ids")

	for _, offloads := range []bool{false, true} {
		w.run(t, fmt.Sprintf("offloads %v", offloads), func(t *testing.T) {
			for _, g := range []*lab.Guest{web, db} {
				must(t, g.SetOffloads("eth0", offloads))
				must(t, h1.SetOffloads(g.IfName(), offloads))
			}

			to := w.guestSink(t, ids, "brtap")
			f := w.flow(t, to, vnic(web, "BOTH"))
			transfer(t, web, db, 4<<20)

			w.uncertain(t, f.ID)
			if offloads {
				return // Undivided segments are too large for what follows.
			}

			// What merging cannot explain is lost.
			must(t, h2.SetLink(lab.UnderlayUplink, false))
			send(t, web, numbered(web.MAC(), db.MAC(), 0, manyFull()...)...)
			must(t, h2.SetLink(lab.UnderlayUplink, true))
			w.lossIsTold(t, f.ID)
		})
	}
}

// manyFull are the lengths of more frames of full size than merging hides.
func manyFull() []int {
	lengths := make([]int, 2000)
	for i := range lengths {
		lengths[i] = 1514
	}
	return lengths
}

// transfer sends bytes from one guest to another over TCP.
func transfer(t *testing.T, from, to *lab.Guest, size int64) {
	t.Helper()
	listener, err := to.Listen(deadline(t), "tcp", to.IP().String()+":7000")
	must(t, err)
	defer listener.Close()

	received := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			received <- err
			return
		}
		defer conn.Close()
		n, err := io.Copy(io.Discard, conn)
		if err == nil && n != size {
			err = fmt.Errorf("%d of %d bytes arrived", n, size)
		}
		received <- err
	}()

	conn, err := from.Dial(deadline(t), "tcp", to.IP().String()+":7000")
	must(t, err)
	_, err = conn.Write(make([]byte, size))
	must(t, errors.Join(err, conn.Close()))
	must(t, <-received)
}

// uncertain waits until the counters of both ends are complete and differ, and checks that no loss
// is told. Both ends must have settled, which takes two seconds.
func (w *world) uncertain(t *testing.T, flow string) {
	t.Helper()
	end := time.Now().Add(4 * time.Second)
	eventually(t, "packets are merged or divided", func() error {
		f, err := w.api.TapFlows().Get(deadline(t), flow)
		if err != nil {
			return err
		}

		c := f.Counters
		if c.Lost != nil && c.Lost.Packets > 0 {
			t.Fatalf("%+v are said to be lost, and none are: %+v", *c.Lost, c)
		}
		if c.Delivered == nil || c.Delivered.Packets == c.Captured.Packets || !c.Merging ||
			c.Lost != nil || time.Now().Before(end) {
			return fmt.Errorf("captured %+v, delivered %+v, lost %v, merging %v", c.Captured,
				c.Delivered, c.Lost, c.Merging)
		}

		t.Logf("captured %+v, delivered %+v", c.Captured.Packets, c.Delivered.Packets)
		return nil
	})
}

// lossIsTold waits until a flow says that packets are lost.
func (w *world) lossIsTold(t *testing.T, flow string) {
	t.Helper()
	eventually(t, "loss is told", func() error {
		f, err := w.api.TapFlows().Get(deadline(t), flow)
		if err == nil && (f.Counters.Lost == nil || f.Counters.Lost.Packets == 0) {
			err = fmt.Errorf("counters are %+v", f.Counters)
		}
		if err == nil {
			t.Logf("lost at least %+v", *f.Counters.Lost)
		}
		return err
	})
}

// TestKernelIPv6 mirrors over an underlay of IPv6, which GRE does not pass on the kernel's
// datapath.
func TestKernelIPv6(t *testing.T) {
	lab.SkipUnless(t, lab.System)
	for _, mtu := range []int{9000, 1500} {
		t.Run(fmt.Sprint(mtu), func(t *testing.T) {
			l := lab.Start(t, 2, func(c *lab.Config) { c.IPv6, c.UnderlayMTU = true, mtu })
			w := &world{Lab: l, controller: startController(t, l.Controller, settings{})}
			w.tellOnFailure(t)
			for i, h := range l.Hosts {
				addr := fmt.Sprintf("fd00::%d", i+1)
				_, err := h.Run(deadline(t), "ip", "-6", "address", "add", addr+"/64", "dev",
					lab.UnderlayBridge, "nodad")
				must(t, err)
				c := hostCreate(h)
				c.TunnelIP = addr
				_, err = w.api.Hosts().Create(deadline(t), c, client.Wait(answerTime))
				must(t, err)
			}

			web, db := w.guest(t, l.Hosts[0], "web"), w.guest(t, l.Hosts[0], "db")
			to := w.guestSink(t, w.guest(t, l.Hosts[1], "ids"), "brtap")
			f := w.flow(t, to, vnic(web, "OUT"))

			ports, err := l.Hosts[0].VSCtl("list-ports", "brtap")
			must(t, err)
			if !strings.Contains(ports, "tl-vxlan") {
				t.Errorf("the tunnel is not VXLAN: ports %q", ports)
			}

			frames := numbered(web.MAC(), db.MAC(), 0, 64, 1000, 1514)
			send(t, web, frames...)
			must(t, to.WaitLen(deadline(t), len(frames)))
			must(t, to.WaitQuiet(deadline(t), quiet))
			w.cutOrWhole(t, f.ID, frames, to.Capture)
		})
	}
}

// cutOrWhole checks that copies are as the flow says: cut to a size, or whole.
func (w *world) cutOrWhole(t *testing.T, flow string, frames [][]byte, copies *lab.Capture) {
	t.Helper()
	f, err := w.api.TapFlows().Get(deadline(t), flow)
	must(t, err)
	if cut := f.Counters.Cut; cut != nil {
		t.Logf("cut: %s", cut.Reason)
		frames = cutTo(frames, int(cut.Size))
	}
	seen := lab.Multiset{} // IPv6 is on: guests send frames of their own, too.
	for _, c := range copies.Frames() {
		if _, _, ours := lab.Sequence(c.Data); ours {
			seen[string(c.Data)]++
		}
	}
	if diff := lab.Diff(lab.MultisetOf(frames), seen); diff != "" {
		t.Errorf("copies: %s", diff)
	}
}

// TestKernelWithoutGRE runs where the kernel has no module ip_gre: a GRE port cannot be opened.
func TestKernelWithoutGRE(t *testing.T) {
	lab.SkipUnless(t, lab.System)
	if _, err := os.Stat("/sys/module/ip_gre"); err == nil {
		t.Skip("this kernel has ip_gre")
	}

	t.Run("auto", func(t *testing.T) {
		w := newWorld(t, 2, 0)
		w.createHosts(t)
		for _, h := range w.Hosts {
			w.lacks(t, h.Name, "gre")
			w.hostStatus(t, h.Name, api.Ready, "")
		}

		web, db := w.guest(t, w.Hosts[0], "web"), w.guest(t, w.Hosts[0], "db")
		to := w.guestSink(t, w.guest(t, w.Hosts[1], "ids"), "brtap")
		w.flow(t, to, vnic(web, "OUT"))
		w.stillCopies(t, to, web, db.MAC())
	})

	t.Run("GRE is asked for", func(t *testing.T) {
		l := lab.Start(t, 2)
		w := &world{Lab: l, controller: startController(t, l.Controller, settings{
			more: fmt.Sprintf("plugins: [{name: mirror, path: %s, config: {tunnel: gre}}]\n",
				program(t, "tapline-mirror"))})}
		w.tellOnFailure(t)
		w.createHosts(t)

		web, ids := w.guest(t, l.Hosts[0], "web"), w.guest(t, l.Hosts[1], "ids")
		s := w.guestService(t, ids)
		plugTap(t, ids, s, "brtap")
		_, err := w.api.TapServices().Enable(deadline(t), s.ID)
		must(t, err)
		f := w.flowAsWithin(t, s.ID, vnic(web, "OUT"), 0)
		w.flowStatus(t, f.ID, api.Error, "cannot receive GRE: ")
		w.flowStatus(t, f.ID, api.Error, "Address family not supported by protocol")
	})
}

// createHosts registers all hosts without waiting for them.
func (w *world) createHosts(t *testing.T) {
	t.Helper()
	for _, h := range w.Hosts {
		_, err := w.api.Hosts().Create(deadline(t), hostCreate(h))
		must(t, err)
	}
}

// lacks waits until a host says that its switch lacks something.
func (w *world) lacks(t *testing.T, host, code string) {
	t.Helper()
	eventually(t, "the host says what it lacks", func() error {
		h, err := w.api.Hosts().Get(deadline(t), host)
		if err == nil && !slices.ContainsFunc(h.Lacks,
			func(l api.HostLack) bool { return l.Code == code }) {
			err = fmt.Errorf("it lacks %+v", h.Lacks)
		}
		return err
	})
}
