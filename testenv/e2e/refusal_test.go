//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// refusal sends requests that must be refused. The answer says what is wrong and where, and nothing
// changes.
func (s *stage) refusal(t *testing.T) {
	to := s.guestSink(t, s.ids1, "brtap")
	nic := s.hostSink(t, s.h2)
	flow := s.flow(t, to, vnic(s.web, "BOTH"))
	whole := s.flow(t, to, vswitch(s.h1, lab.Wire, 0, "IN"))
	two := s.guest(t, s.h1, "two-nics", lab.GuestNIC{}, lab.GuestNIC{})
	t.Cleanup(func() { must(t, two.Remove(context.Background())) })
	eventually(t, "both NICs learned", func() error {
		g, err := s.api.Guests().Get(deadline(t), two.ID)
		if err == nil && len(g.NICs) != 2 {
			err = io.ErrUnexpectedEOF
		}
		return err
	})

	type body = map[string]any
	vnicOf := func(more body) body {
		b := body{"name": unique("x"), "type": "vnic", "tap_id": to.ID, "guest_id": s.db.ID}
		for k, v := range more {
			b[k] = v
		}
		return b
	}

	vswitchOf := func(more body) body {
		b := body{"name": unique("x"), "type": "vswitch", "tap_id": to.ID, "host_id": "h1",
			"wire_id": "net0"}
		for k, v := range more {
			b[k] = v
		}
		return b
	}

	for _, c := range []struct {
		name, method, path string
		body               any
		status             int
		field, says        string
	}{
		{"second service of a guest", "POST", "tap_services",
			body{"name": "x", "type": "guest", "target_id": s.ids1.ID}, 409, "target_id",
			"already"},
		{"second service of a NIC", "POST", "tap_services",
			body{"name": "x", "type": "host", "target_id": "h2", "mac_addr": nic.MACAddr}, 409,
			"mac_addr", "already"},
		{"name in use", "POST", "tap_services", body{"name": to.Name, "type": "guest",
			"target_id": s.ids2.ID}, 409, "name", ""},
		{"identical flow", "POST", "tap_flows", body{"name": "x", "type": "vnic", "tap_id": to.ID,
			"guest_id": s.web.ID, "direction": "BOTH"}, 409, "", "already"},
		{"identical flow of a switch by its other name", "POST", "tap_flows",
			vswitchOf(body{"wire_id": "br0", "direction": "IN"}), 409, "", "already"},
		{"service with flows deleted", "DELETE", "tap_services/" + to.ID, nil, 409, "", "flow"},
		{"flow changed to an identical one", "PATCH", "tap_flows/" + whole.ID,
			body{"direction": "SIDEWAYS"}, 400, "direction", "BOTH"},
		{"unknown guest", "POST", "tap_flows", vnicOf(body{"guest_id": "nobody"}), 400, "guest_id",
			"nobody"},
		{"unknown service", "POST", "tap_flows", vnicOf(body{"tap_id": "nothing"}), 400, "tap_id",
			"nothing"},
		{"several NICs", "POST", "tap_flows", vnicOf(body{"guest_id": two.ID}), 400, "mac_addr",
			two.NICs[1].MAC.String()},
		{"address that the guest has not", "POST", "tap_flows",
			vnicOf(body{"mac_addr": "52:54:00:99:99:99"}), 400, "mac_addr", s.db.MAC().String()},
		{"address that is none", "POST", "tap_flows", vnicOf(body{"mac_addr": "hello"}), 400,
			"mac_addr", ""},
		{"guest taps itself", "POST", "tap_flows", vnicOf(body{"guest_id": s.ids1.ID}), 400,
			"guest_id", "itself"},
		{"VLAN 0", "POST", "tap_flows", vswitchOf(body{"vlan_id": 0}), 400, "vlan_id", "4094"},
		{"VLAN 4095", "POST", "tap_flows", vswitchOf(body{"vlan_id": 4095}), 400, "vlan_id",
			"4094"},
		{"VLAN that is no number", "POST", "tap_flows", vswitchOf(body{"vlan_id": "seven"}), 400,
			"vlan_id", ""},
		{"unknown wire", "POST", "tap_flows", vswitchOf(body{"wire_id": "net7"}), 400, "wire_id",
			"net0"},
		{"tap bridge as a wire", "POST", "tap_flows", vswitchOf(body{"wire_id": "brtap"}), 400,
			"wire_id", ""},
		{"unknown host", "POST", "tap_flows", vswitchOf(body{"host_id": "h77"}), 400, "host_id",
			"h77"},
		{"direction", "POST", "tap_flows", vnicOf(body{"direction": "UP"}), 400, "direction",
			"BOTH"},
		{"type", "POST", "tap_flows", vnicOf(body{"type": "vport"}), 400, "type", "vswitch"},
		{"unknown field", "POST", "tap_flows", vnicOf(body{"vlans": 7}), 400, "vlans", ""},
		{"fields of both types", "POST", "tap_flows", vnicOf(body{"host_id": "h1"}), 400, "host_id",
			"vswitch"},
		{"NIC that the host has not", "POST", "tap_services",
			body{"name": "x", "type": "host", "target_id": "h2", "mac_addr": "02:00:00:00:00:99"},
			400, "mac_addr", "eth2"},
		{"no NIC given", "POST", "tap_services",
			body{"name": "x", "type": "host", "target_id": "h2"}, 400, "mac_addr", "eth2"},
		{"unknown target", "POST", "tap_services",
			body{"name": "x", "type": "guest", "target_id": "nobody"}, 400, "target_id", "nobody"},
		{"nothing there", "GET", "tap_flows/nothing", nil, 404, "", "nothing"},
		{"delete nothing", "DELETE", "tap_flows/nothing", nil, 404, "", "nothing"},
		{"enable nothing", "POST", "tap_services/nothing/enable", nil, 404, "", "nothing"},
		{"wait that is none", "POST", "tap_flows/" + flow.ID + "/enable?wait=soon", nil, 400,
			"wait", ""},
		{"host of an address that is none", "POST", "hosts", body{"name": "x", "ovsdb": "10.0.0.1"},
			400, "ovsdb", "tcp:"},
		{"host that is registered", "POST", "hosts",
			body{"name": "h1", "ovsdb": "tcp:10.200.0.77:6640"}, 409, "name", "h1"},
		{"host of the same switch", "POST", "hosts", body{"name": "x", "ovsdb": s.h1.OVSDB()}, 409,
			"ovsdb", "h1"},
		{"no JSON", "POST", "tap_flows", "{", 400, "", ""},
	} {
		s.run(t, c.name, func(t *testing.T) {
			before := s.everything(t)
			problem := s.ask(t, c.method, c.path, c.body)
			if problem.Status != c.status || c.field != problem.Field ||
				!strings.Contains(problem.Detail, c.says) {
				t.Errorf("status %d, field %q, %q; want %d, %q, %q", problem.Status, problem.Field,
					problem.Detail, c.status, c.field, c.says)
			}
			if after := s.everything(t); after != before {
				t.Errorf("something changed:\n%s", difference(before, after))
			}
		})
	}

	s.run(t, "NIC that another bridge uses", s.usedNIC)
	s.run(t, "NIC with another address", s.wrongNIC)
}

// everything is what the controller has and what the switches have.
func (s *stage) everything(t *testing.T) string {
	t.Helper()
	text := s.statuses()
	for _, h := range []*lab.Host{s.h1, s.h2} {
		d, err := content(h)
		must(t, err)
		text += d
	}
	return text
}

// ask sends a request by hand and returns the problem that it must answer with.
func (s *stage) ask(t *testing.T, method, path string, body any) api.Problem {
	t.Helper()
	var data []byte
	if text, raw := body.(string); raw {
		data = []byte(text)
	} else if body != nil {
		var err error
		data, err = json.Marshal(body)
		must(t, err)
	}

	request, err := http.NewRequestWithContext(deadline(t), method, s.server+"/api/v1/"+path,
		bytes.NewReader(data))
	must(t, err)
	token, err := os.ReadFile(filepath.Join(s.dataDir, "admin.token"))
	must(t, err)
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}

	answer, err := (&http.Client{Transport: s.http}).Do(request)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	var problem api.Problem
	if kind := answer.Header.Get("Content-Type"); !strings.HasPrefix(kind, api.ProblemType) {
		t.Errorf("status %d, content type %q: %s", answer.StatusCode, kind, text)
		return problem
	}

	must(t, json.Unmarshal(text, &problem))
	if problem.Status != answer.StatusCode {
		t.Errorf("the problem says status %d, the answer %d", problem.Status, answer.StatusCode)
	}

	return problem
}

// usedNIC has another bridge use the spare NIC before the service is made.
func (s *stage) usedNIC(t *testing.T) {
	_, err := s.h1.VSCtl("add-br", "br-other", "--", "set", "Bridge", "br-other",
		s.h1.DatapathType(), "--", "add-port", "br-other", lab.SpareNIC)
	must(t, err)
	t.Cleanup(func() {
		_, err := s.h1.VSCtl("del-br", "br-other")
		must(t, err)
	})

	eventually(t, "the controller refuses", func() error {
		v, err := s.api.TapServices().Create(deadline(t), api.TapServiceCreate{
			Name: unique("x"), Type: "host", TargetID: "h1", MACAddr: s.h1.SpareMAC.String()})
		if client.IsStatus(err, 409) {
			if !strings.Contains(err.Error(), "br-other") {
				t.Errorf("it does not name the bridge: %v", err)
			}
			return nil
		}

		if err == nil {
			must(t, s.api.TapServices().Delete(deadline(t), v.ID))
			err = io.ErrNoProgress
		}
		return err
	})
}

// wrongNIC declares an address that the NIC does not have.
func (s *stage) wrongNIC(t *testing.T) {
	const wrong = "02:e2:00:00:00:77"
	patch := func(mac string) {
		_, err := s.api.Hosts().Update(deadline(t), "h1",
			api.HostPatch{NICs: &[]api.HostNIC{{Name: lab.SpareNIC, MAC: mac}}})
		must(t, err)
	}

	patch(wrong)
	t.Cleanup(func() { patch(s.h1.SpareMAC.String()) })
	v, err := s.api.TapServices().Create(deadline(t),
		api.TapServiceCreate{Name: unique("sink"), Type: "host", TargetID: "h1", MACAddr: wrong})
	must(t, err)
	s.deleteService(t, v.ID)
	v, err = s.api.TapServices().Enable(deadline(t), v.ID, client.Wait(10*time.Second))
	must(t, err)
	if v.Status != api.Error || !strings.Contains(v.Reason, s.h1.SpareMAC.String()) {
		t.Errorf("the service is %s: %q", v.Status, v.Reason)
	}

	eventually(t, "the NIC is taken out", func() error {
		ports, err := s.h1.VSCtl("list-ports", "brtap")
		if err == nil && strings.Contains(ports, lab.SpareNIC) {
			err = io.ErrNoProgress
		}
		return err
	})

	f := s.flowAs(t, v.ID, vnic(s.web, "OUT"))
	if f.Status != api.Error {
		t.Errorf("a flow to it is %s: %q", f.Status, f.Reason)
	}
}
