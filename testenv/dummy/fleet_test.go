//go:build linux

package dummy_test

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/testenv/dummy"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFleet(t *testing.T) {
	dummy.Require(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	const n = 10
	begin := time.Now()
	fleet, err := dummy.Start(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		dir := fleet.Hosts[0].RunDir
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("directory left: %v", err)
		}
	}()

	t.Logf("%d hosts in %v", n, time.Since(begin))
	seen := map[string]bool{}
	for _, h := range fleet.Hosts {
		seen[h.OVSDB], seen[h.SystemID], seen[h.TunnelIP.String()] = true, true, true
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.OVSDB, "tcp:"))
		if err != nil {
			t.Fatal(err)
		}

		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if id, err := h.VSCtl("get", "Open_vSwitch", ".", "external_ids:system-id"); err != nil ||
			strings.Trim(id, `"`) != h.SystemID {
			t.Errorf("%s: system-id %s, %v; want %s", h.Name, id, err, h.SystemID)
		}
	}

	if len(seen) != 3*n {
		t.Errorf("%d different addresses and ids, want %d: %v", len(seen), 3*n, seen)
	}

	h := fleet.Hosts[n-1]
	if err := h.AddGuest("vnet0", lab.MAC{0x52, 0x54, 0, 0, 0, 1}, "vm-1"); err != nil {
		t.Fatal(err)
	}
	if port, err := h.VSCtl("get", "Interface", "vnet0", "ofport"); err != nil || port != "1" {
		t.Errorf("the guest's port is %s: %v", port, err)
	}
	if _, err := h.VSCtl("add-br", "brtap", "--", "set", "Bridge", "brtap", "protocols=OpenFlow13",
		"fail_mode=secure",
		"--", "add-port", "brtap", "tl-gre", "--", "set", "Interface", "tl-gre", "type=gre",
		"options:remote_ip=flow", "options:key=flow"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.OFCtl("add-flow", "brtap", "in_port=tl-gre,tun_id=7,actions=drop"); err != nil {
		t.Fatal(err)
	}
	if flows, err := h.OFCtl("dump-flows", "brtap"); err != nil ||
		!strings.Contains(flows, "tun_id=0x7") {
		t.Errorf("flows of brtap: %v: %s", err, flows)
	}
}

func TestStartStopsWithItsContext(t *testing.T) {
	dummy.Require(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if fleet, err := dummy.Start(ctx, 3); err == nil {
		t.Errorf("Start with a cancelled context: %v", fleet)
	}
}
