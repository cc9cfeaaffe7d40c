package reconcile_test

import "testing"

// TestQoSOfPatchPort: QoS and policing that an operator's agent sets on a patch port, where they do
// nothing, stay as they are.
func TestQoSOfPatchPort(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	d := desired(t, program())
	db.settle(d)
	for _, port := range []string{"tlm-1", "tlt-1"} {
		db.vsctl("-- --id=@q create QoS type=linux-htb -- set Port " + port +
			" qos=@q -- set Interface " +
			port + " ingress_policing_rate=5 ingress_policing_burst=5 " +
			"ingress_policing_kpkts_rate=5")
		db.idle(d)
	}
}
