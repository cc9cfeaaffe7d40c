//go:build linux

package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// TestAccess checks who may do what and what the audit log says of it, also after a crash of the
// controller and after the loss of the admin's token.
func TestAccess(t *testing.T) {
	l := lab.Start(t, 0)
	c := startController(t, l.Controller,
		settings{more: "hosts:\n  - {name: h1, ovsdb: \"tcp:10.200.0.11:6640\"}\n"})

	run := func(code int, want string, args ...string) string {
		t.Helper()
		out, errs, got := c.tapctl(t, args...)
		if got != code || !strings.Contains(out+errs, want) {
			t.Fatalf("%v: exit code %d, want %d and %q:\n%s%s", args, got, code, want, out, errs)
		}
		return out
	}

	create := func(name, role string) string {
		t.Helper()
		var made api.TokenCreated
		must(t, json.Unmarshal([]byte(run(0, "", "token-create", name, "--role", role, "-o",
			"json")), &made))
		return made.Secret
	}

	operator, viewer := create("ci", "operator"), create("board", "viewer")
	as := func(token string) string { return "--token=" + token }
	run(0, "h1", "host-list", as(viewer))
	run(0, "vm1", "guest-create", "vm1", "--nic", "mac=52:54:00:00:00:01", as(operator))
	run(0, "ids", "tap-service-create", "--type", "guest", "--target-id", "vm1", "ids",
		as(operator))

	run(1, "role operator", "tap-service-enable", "ids", as(viewer))
	run(1, "role admin", "host-delete", "h1", as(operator))

	// A revoked token ends at once, and with it the streams that it has open.
	watcher, err := client.New(client.Config{Server: c.server, Token: viewer,
		HTTPClient: &http.Client{Transport: c.http}})
	must(t, err)
	events, err := watcher.Watch(deadline(t))
	must(t, err)
	run(0, "deleted", "token-delete", "board")
	err = nil
	for _, err = range events {
		continue
	}

	if !client.IsStatus(err, http.StatusUnauthorized) {
		t.Errorf("the stream of a revoked token ends with %v, want a 401", err)
	}

	first, err := os.ReadFile(filepath.Join(c.dataDir, "admin.token"))
	must(t, err)

	// What was answered survives even if the controller is killed.
	run(0, "", "tap-service-enable", "ids", as(operator))
	c.stop(t, syscall.SIGKILL)
	c.start(t)
	var list api.AuditList
	must(t, json.Unmarshal([]byte(run(0, "", "audit-list", "--since", "1h", "-o", "json")), &list))
	var got []string
	for _, r := range list.Audit {
		got = append(got, strings.Join([]string{either(r.Actor.Name, r.Actor.Type), r.Action,
			r.Kind, either(r.Name, r.ID), r.Outcome}, " "))
	}

	want := []string{
		"controller start  tapline devel success",
		"ci enable tap_service ids success",
		"unknown read watch  denied",
		"admin delete token board success",
		"ci delete host h1 denied",
		"board enable tap_service ids denied",
		"ci create tap_service ids success",
		"ci create guest vm1 success",
		"admin create token board success",
		"admin create token ci success",
		"config create host h1 success",
		"controller start  tapline devel success",
		"controller create token admin success",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the audit log says\n%s\nwant\n%s", strings.Join(got, "\n"),
			strings.Join(want, "\n"))
	}

	enabled := list.Audit[1]
	if !strings.Contains(string(enabled.Before), `"enabled": false`) ||
		!strings.Contains(string(enabled.After), `"enabled": true`) ||
		enabled.Status != 200 || enabled.UserAgent != "tapctl/devel" ||
		enabled.Actor.Role != "operator" || enabled.Remote == "" {
		t.Errorf("the record of a change is %+v", enabled)
	}

	// Without its file, a new admin token is made at the next start and the old one is void. Other
	// tokens stay.
	c.stop(t, syscall.SIGTERM)
	must(t, os.Remove(filepath.Join(c.dataDir, "admin.token")))
	c.start(t)
	run(1, "the token is not valid", "host-list", as(strings.TrimSpace(string(first))))
	run(0, "ids", "tap-service-list", as(operator))

	// No secret is anywhere but in the token file.
	second, err := os.ReadFile(filepath.Join(c.dataDir, "admin.token"))
	must(t, err)
	secrets := []string{operator[14:], viewer[14:], strings.TrimSpace(string(first)),
		strings.TrimSpace(string(second))}

	run(1, "", "token-delete", viewer)
	files, err := filepath.Glob(filepath.Join(c.dataDir, "*"))
	must(t, err)
	for _, file := range append(files, c.log) {
		text, err := os.ReadFile(file)
		must(t, err)
		for _, secret := range secrets {
			if filepath.Base(file) != "admin.token" && strings.Contains(string(text), secret) {
				t.Errorf("%s holds a secret", file)
			}
		}

		info, err := os.Stat(file)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", file, info.Mode().Perm())
		}
	}
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
