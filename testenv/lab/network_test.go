//go:build linux

package lab_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// passes waits until a ping between two tunnel addresses is answered.
func passes(t *testing.T, from, to *lab.Host, args ...string) {
	t.Helper()
	args = append([]string{"-q", "-c", "1", "-W", "1"}, append(args, to.TunnelIP.String())...)
	eventually(t, func() error {
		_, err := from.Run(deadline(t), "ping", args...)
		return err
	})
}

func eventually(t *testing.T, condition func() error) {
	t.Helper()
	ctx := deadline(t)
	for {
		err := condition()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatal(errors.Join(ctx.Err(), err))
		}
	}
}

// TestNetworkChanges changes the networks between two hosts while they run.
func TestNetworkChanges(t *testing.T) {
	l := lab.Start(t, 2)
	h1, h2 := l.Hosts[0], l.Hosts[1]
	passes(t, h1, h2)

	t.Run("management link", func(t *testing.T) {
		ctx := deadline(t)
		reach := func() error {
			dial, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			conn, err := l.Controller.Dial(dial, "tcp", strings.TrimPrefix(h1.OVSDB(), "tcp:"))
			if err == nil {
				err = conn.Close()
			}
			return err
		}
		must(t, h1.SetManagement(false))
		if reach() == nil {
			t.Error("the database answers while the link is down")
		}

		must(t, h1.SetManagement(true))
		eventually(t, reach)
	})

	t.Run("rebuilt host", func(t *testing.T) {
		ctx := deadline(t)
		mac, err := h2.Rebuild(ctx)
		must(t, err)
		// The device has it before the switch's database says so.
		eventually(t, func() error {
			shown := get(t, h2, "Interface", lab.UnderlayBridge, "mac_in_use")
			if strings.Trim(shown, `"`) != mac.String() {
				return fmt.Errorf("br-phy has %s, want %s", shown, mac)
			}
			return nil
		})
		passes(t, h1, h2)
	})

	for name, vlans := range map[string][]int{"VLAN": {7}, "two VLANs": {8, 9}} {
		t.Run(name, func(t *testing.T) {
			ctx := deadline(t)
			wire, err := l.Fabric.Capture("underlay-h1", lab.CaptureConfig{Direction: lab.In})
			must(t, err)
			t.Cleanup(func() { must(t, wire.Close()) })
			must(t, h1.TagUnderlay(ctx, vlans...))
			must(t, h2.TagUnderlay(ctx, vlans...))
			passes(t, h1, h2)
			if len(vlans) == 2 {
				must(t, h1.TagUnderlay(ctx, vlans...)) // again changes nothing
				passes(t, h1, h2)
			}
			found := wire.Wait(ctx, func(frames []lab.Frame) bool {
				for _, f := range frames {
					if int(lab.VLANOf(f.Data)) == vlans[0] || len(vlans) == 2 &&
						f.Data[12] == 0x88 &&
						f.Data[13] == 0xa8 {
						return true
					}
				}
				return false
			})
			must(t, found)
			must(t, h1.TagUnderlay(ctx))
			must(t, h2.TagUnderlay(ctx))
			passes(t, h1, h2)
		})
	}

	t.Run("underlay MTU", func(t *testing.T) {
		ctx := deadline(t)
		large := []string{"-s", "4000", "-M", "do"}
		for _, h := range l.Hosts {
			must(t, h.SetUnderlayMTU(ctx, 9000))
		}
		passes(t, h1, h2, large...)
		must(t, h1.SetUnderlayMTU(ctx, 1500))
		args := append([]string{"-c", "1", "-W", "1"}, append(large, h2.TunnelIP.String())...)
		if out, err := h1.Run(ctx, "ping", args...); err == nil {
			t.Errorf("4,000 octets pass an underlay of 1,500: %s", out)
		}
		passes(t, h1, h2, "-s", "1400", "-M", "do")
		must(t, h1.SetUnderlayMTU(ctx, 9000))
		passes(t, h1, h2, large...)
	})

	t.Run("routing guest", func(t *testing.T) {
		ctx := deadline(t)
		router, err := h1.AddGuest(ctx, "router", lab.GuestNIC{
			Bridge: lab.UnderlayBridge, IP: netip.MustParsePrefix("10.210.0.254/24"),
		})
		must(t, err)
		must(t, router.Forward())
		for _, way := range [][2]*lab.Host{{h1, h2}, {h2, h1}} {
			must(t, way[0].AddRoute(netip.PrefixFrom(way[1].TunnelIP, 32), router.IP()))
		}

		through, err := router.Capture("eth0", lab.CaptureConfig{Direction: lab.Out,
			Keep: func(frame []byte) bool {
				return len(frame) > 34 && frame[12] == 8 && frame[13] == 0 && frame[23] == 1 // ICMP
			}})
		must(t, err)
		t.Cleanup(func() { must(t, through.Close()) })
		passes(t, h1, h2)
		must(t, through.WaitLen(ctx, 2)) // request and reply
	})
}

// TestOverlay passes packets through an operator's own tunnels.
func TestOverlay(t *testing.T) {
	l := lab.Start(t, 2)
	for _, overlay := range []lab.Overlay{
		{}, {LocalIP: true}, {FlowBased: true}, {FlowBased: true, LocalIP: true},
		{Type: "vxlan"}, {Type: "vxlan", FlowBased: true}, {Type: "geneve", FlowBased: true},
	} {
		ctx := deadline(t)
		a, b, err := l.AddOverlay(ctx, l.Hosts[0], l.Hosts[1], overlay)
		must(t, err)
		for _, way := range [][2]*lab.OverlayEnd{{a, b}, {b, a}} {
			eventually(t, func() error {
				if n, err := way[0].Ping(ctx, way[1], 1); err != nil || n == 0 {
					return errors.Join(err, errors.New("no answer"))
				}
				return nil
			})
			if n, err := way[0].Ping(ctx, way[1], 10); err != nil || n != 10 {
				t.Errorf("%+v: %d of 10 answered, %v", overlay, n, err)
			}
		}

		must(t, a.Close())
		must(t, b.Close())
	}
}
