//go:build linux

package ovs

import (
	"path/filepath"
	"testing"
)

// Bridge is the bridge br0 of a switch of its own: secure, with OpenFlow 1.0
// and 1.3, and without ports but its own.
type Bridge struct{ *Server }

// StartBridge starts a server, a switch and the bridge. The flows are shown
// where the test fails.
func StartBridge(t testing.TB) Bridge {
	t.Helper()
	b := Bridge{StartServer(t)}
	b.StartSwitch()
	b.Vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy",
		"fail_mode=secure",
		"protocols=OpenFlow10,OpenFlow13", "other_config:disable-in-band=true")

	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("flows of br0:\n%s", tail([]byte(b.Ofctl("dump-flows", "br0")), 8000))
		}
	})

	return b
}

// Management is the address where the bridge listens for controllers.
func (b Bridge) Management() string { return "unix:" + filepath.Join(b.Dir, "br0.mgmt") }

// Ofctl runs ovs-ofctl with OpenFlow 1.3 and returns its output.
func (b Bridge) Ofctl(args ...string) string {
	b.t.Helper()
	return Run(b.t, b.Dir, "ovs-ofctl", append([]string{"-O", "OpenFlow13", "--timeout=60"},
		args...)...)
}

// Receive has a port of dummy type receive a packet, in the words of
// ovs-appctl netdev-dummy/receive.
func (b Bridge) Receive(port, packet string) {
	b.t.Helper()
	Run(b.t, b.Dir, "ovs-appctl", "-t", b.switchCtl(), "netdev-dummy/receive", port, packet)
}
