//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// documents creates, plans, compares, exports and deletes resources by documents.
func (s *stage) documents(t *testing.T) {
	service := fmt.Sprintf("kind: tap_service\nname: probe\ntype: host\ntarget_id: h2\n"+
		"mac_addr: %q\nenabled: true\n", s.h2.SpareMAC)

	flow := fmt.Sprintf("---\nkind: tap_flow\nname: web\ntype: vnic\nguest_id: %s\nmac_addr: %q\n"+
		"direction: OUT\ntap_id: probe\n", s.web.ID, s.web.MAC())

	both := document(t, service+flow)
	cleanUp := func(t *testing.T) {
		t.Cleanup(func() {
			for _, args := range [][]string{{"tap-flow-delete", "web"},
				{"tap-service-delete", "probe"}} {
				if _, errs, code := s.tapctl(t, append(args, "--wait", "10s")...); code != 0 &&
					!strings.Contains(errs, "there is no") {
					t.Errorf("tapctl %s: exit code %d\n%s", strings.Join(args, " "), code, errs)
				}
			}
		})
	}

	s.run(t, "apply, diff and export", func(t *testing.T) {
		cleanUp(t)
		before := s.standing(t)
		contains(t, s.call(t, 1, "diff", "-f", both), "+ tap-service/probe create",
			"+ tap-flow/web create")

		bad := document(t, service+strings.Replace(flow, s.web.MAC().String(), s.app.MAC().String(),
			1))

		contains(t, s.call(t, 1, "apply", "-f", bad), "documents.yaml:12:1: mac_addr: ",
			"nothing was changed")

		contains(t, s.call(t, 2, "diff", "-f", bad), "documents.yaml:12:1: mac_addr: ")
		s.unchanged(t, before)

		contains(t, s.call(t, 0, "apply", "-f", both, "--wait", "10s"), "tap-service/probe created",
			"tap-flow/web created")

		copies, err := s.h2.CaptureSpare(lab.CaptureConfig{Direction: lab.In})
		must(t, err)
		t.Cleanup(func() { must(t, copies.Close()) })
		sent := assorted(s.web.MAC(), s.db.MAC())
		send(t, s.web, sent...)
		exactly(t, "copies", lab.MultisetOf(sent), copies)
		contains(t, s.call(t, 0, "wait", "tap-flow/web", "tap-service/probe"),
			`tap flow "web" is ready`)

		before = s.standing(t)
		contains(t, s.call(t, 0, "apply", "-f", both), "tap-service/probe unchanged",
			"tap-flow/web unchanged")

		exported := s.call(t, 0, "export")
		if strings.Contains(exported, "tunnel_ip") {
			t.Errorf("an address that was only learned is exported:\n%s", exported)
		}

		contains(t, s.call(t, 0, "diff", "-f", document(t, exported)), "no difference")
		call := s.call(t, 0, "apply", "-f", document(t, exported))
		if strings.Contains(call, "updated") || strings.Contains(call, "created") {
			t.Errorf("what was exported changes something where it comes from:\n%s", call)
		}

		s.unchanged(t, before)
		contains(t, s.call(t, 0, "topology"), "tap flow web", "-> probe on h2 (tunnel)  ready",
			"h1 -> h2  web")
	})

	s.run(t, "prune", func(t *testing.T) {
		cleanUp(t)
		s.call(t, 0, "apply", "-f", both, "--wait", "10s")
		to := s.guestSink(t, s.ids1, "brtap")
		other := s.flow(t, to, vnic(s.db, "OUT"))
		byHand := s.flow(t, &sink{TapService: to.TapService}, vnic(s.web, "IN"))
		contains(t, s.call(t, 0, "apply", "-f", document(t, service), "--prune", "--wait", "10s"),
			"tap-service/probe unchanged", "tap-flow/web deleted")

		left := s.call(t, 0, "tap-flow-list", "--columns", "name,status", "--no-headers")
		contains(t, left, other.Name+"  ready", byHand.Name+"  ready")
		if strings.Count(left, "\n") != 2 {
			t.Errorf("these tap flows are left:\n%s", left)
		}

		db, app := assorted(s.db.MAC(), s.ids1.MAC()), assorted(s.app.MAC(), s.web.MAC())
		send(t, s.db, db...)
		send(t, s.app, app...)
		exactly(t, "copies of what apply never made", sum(lab.MultisetOf(db), lab.MultisetOf(app)),
			to.Capture)
	})

	s.run(t, "configuration", func(t *testing.T) {
		for _, form := range []string{"yaml", "json"} {
			told := s.call(t, 0, "get-config", "-o", form)
			contains(t, told, s.dataDir, "brtap", "127.0.0.1:8640",
				filepath.Dir(program(t, "tapline-mirror")))
			out, err := exec.Command(program(t, "tapline"), "config", "check",
				document(t, told)).CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s\n%s", err, out, told)
			}
		}
	})

	s.run(t, "plan", func(t *testing.T) {
		to := s.guestSink(t, s.ids1, "brtap")
		cleanUp(t)
		running := s.children()
		for _, args := range [][]string{
			{"apply", "-f", both},
			{"tap-flow-update", "web", "--direction", "IN"},
			{"tap-flow-disable", "web"},
			{"tap-flow-enable", "web"},
			{"tap-service-disable", "probe"},
			{"tap-service-enable", "probe"},
			{"tap-flow-delete", "web"},
			{"tap-flow-create", "--type", "vswitch", "--host-id", "h1", "--wire-id", lab.Wire,
				"--vlan-id", "7", "--tap-id", to.Name, "web"},
		} {
			plan := append([]string{"plan", "-o", "json"}, args...)
			if args[0] == "apply" {
				plan = append([]string{"plan", "-o", "json"}, args[1:]...)
			}

			before, objects := s.standing(t), s.objects(t)
			var p api.Plan
			must(t, json.Unmarshal([]byte(s.call(t, 0, plan...)), &p))
			s.unchanged(t, before)
			s.call(t, 0, append(args, "--wait", "10s")...)
			planned, done := s.planned(t, p), difference(objects, s.objects(t))
			if planned == "" || done == "" {
				t.Errorf("%s: nothing was planned, or nothing happened", strings.Join(args, " "))
			}
			// Derived names differ: a plan cannot know the ids of what will be created.
			if args[0] == "apply" || args[0] == "tap-flow-create" {
				planned, done = masked(planned), masked(done)
			}
			if d := difference(planned, done); d != "" {
				t.Errorf("%s: what was planned (-) is not what happened (+):\n%s",
					strings.Join(args, " "), d)
			}
		}

		if now := s.children(); !slices.Equal(now, running) {
			t.Errorf("the controller's plugins were %v and are %v: a plan asks one of its own, "+
				"which ends with it", running, now)
		}
	})
}

// objects lists the ports, mirrors and flows on both hosts, one a line, as a plan writes them.
func (s *stage) objects(t *testing.T) string {
	t.Helper()
	var lines []string
	for _, h := range []*lab.Host{s.h1, s.h2} {
		d := dump(t, h)
		of := func(column, name string) (bridge string) {
			for key, r := range d {
				if strings.HasPrefix(key, "Bridge/") &&
					slices.Contains(strings.Fields(strings.Trim(r[column], "[]")), name) {
					bridge = r["name"]
				}
			}
			return bridge
		}

		interfaces := map[string]row{}
		for key, r := range d {
			if strings.HasPrefix(key, "Interface/") {
				interfaces[r["name"]] = r
			}
		}

		for key, r := range d {
			table, _, _ := strings.Cut(key, "/")
			words := []string{h.Name, strings.ToLower(table), r["name"]}
			switch table {
			case "Port":
				i := interfaces[r["name"]]
				words = append(words, "bridge="+of("ports", r["name"]))
				words = append(words, stated("type", i["type"])...)
				for _, option := range strings.Fields(strings.Trim(i["options"], "{}")) {
					words = append(words, "options:"+option)
				}
				words = append(words, stated("ofport_request", i["ofport_request"])...)
				words = append(words, stated("vlan_mode", r["vlan_mode"])...)
				words = append(words, stated("trunks", r["trunks"])...)
			case "Mirror":
				words = append(words, "bridge="+of("mirrors", r["name"]))
				if everyPort(r) {
					r["select_src_port"] = "EVERY"
				}
				for _, column := range []string{"select_src_port", "select_dst_port", "select_vlan",
					"output_port"} {
					words = append(words, stated(column, r[column])...)
				}
			default:
				continue
			}

			lines = append(lines, strings.Join(words, " "))
		}

		flows, err := h.OFCtl("--no-stats", "dump-flows", "brtap")
		must(t, err)
		flows = regexp.MustCompile(`(?m)^.*(cookie=0x747[03]|reply).*\n`).ReplaceAllString(flows,
			"")
		lines = append(lines, parsed(t, h, flows)...)
	}

	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// everyPort reports whether a mirror selects all that enters its bridge: also by the bridge's own
// port.
func everyPort(mirror row) bool {
	return slices.Contains(strings.Fields(strings.Trim(mirror["select_src_port"], "[]")),
		lab.WireBridge)
}

// stated is one column that is set, as a plan writes it.
func stated(column, value string) []string {
	if value = strings.Trim(value, "[]"); value == "" {
		return nil
	}
	return []string{column + "=" + strings.ReplaceAll(value, " ", ",")}
}

// parsed normalises flows by having Open vSwitch parse them.
func parsed(t *testing.T, h *lab.Host, flows string) []string {
	t.Helper()
	if strings.TrimSpace(flows) == "" {
		return nil
	}

	out, err := h.OFCtl("parse-flows", document(t, flows))
	must(t, err)
	var lines []string
	for line := range strings.Lines(out) {
		if _, flow, is := strings.Cut(strings.TrimSpace(line), "ADD "); is {
			lines = append(lines, h.Name+" flow "+flow)
		}
	}

	return lines
}

// masked replaces everything that derives from ids.
func masked(objects string) string {
	for _, derived := range []string{`tl[mt]?-()[0-9a-f]{8}`, `0x()[0-9a-f]{8,}`,
		`in_port=()[0-9]+`, `output:()[0-9]+`, `ofport_request=()[0-9]+`} {
		find := regexp.MustCompile(derived)
		objects = find.ReplaceAllStringFunc(objects, func(found string) string {
			return found[:find.FindStringSubmatchIndex(found)[2]] + "X"
		})
	}
	return objects
}

// planned are the objects of a plan in the form of difference. Tunnels are left out: on a switch
// there are only their flows.
func (s *stage) planned(t *testing.T, p api.Plan) string {
	t.Helper()
	var lines []string
	for _, host := range p.Hosts {
		h := map[string]*lab.Host{"h1": s.h1, "h2": s.h2}[host.Name]
		put := func(sign string, i api.PlannedItem, text string) {
			switch i.Kind {
			case "flow":
				for _, flow := range parsed(t, h, text+"\n") {
					lines = append(lines, sign+flow)
				}
			case "port", "mirror", "bridge":
				lines = append(lines, sign+host.Name+" "+i.Kind+" "+i.Name+" "+text)
			}
		}

		for _, i := range host.Items {
			switch i.Action {
			case "add":
				put("+ ", i, i.Text)
			case "remove":
				put("- ", i, i.Text)
			case "change":
				put("- ", i, i.Was)
				put("+ ", i, i.Text)
			}
		}
	}

	return strings.Join(lines, "\n")
}

// document writes documents into a file and returns its name.
func document(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "documents.yaml")
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// call runs a command line that must end with an exit code, and returns its output.
func (c *controller) call(t *testing.T, want int, args ...string) string {
	t.Helper()
	out, errs, code := c.tapctl(t, args...)
	if code != want {
		t.Fatalf("tapctl %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out,
			errs)
	}
	return out + errs
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %q in\n%s", part, text)
		}
	}
}

// standing is what stands on the switches of both hosts, and all resources.
func (s *stage) standing(t *testing.T) string {
	t.Helper()
	one, err := content(s.h1)
	must(t, err)
	two, err := content(s.h2)
	must(t, err)
	return "h1\n" + one + "\nh2\n" + two + "\n" + s.call(t, 0, "export")
}

func (s *stage) unchanged(t *testing.T, before string) {
	t.Helper()
	if d := difference(before, s.standing(t)); d != "" {
		t.Errorf("something was changed:\n%s", d)
	}
}
