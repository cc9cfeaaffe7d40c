// Package tapline holds the rules of the whole house; it has no code.
package tapline

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tapline-sdn/tapline"

// floors lists the packages from the ground up. A package may import those of lower floors and,
// within its own entry, its sub-packages may import each other. So the protocol libraries know
// nothing of mirroring, the mirror logic knows nothing of connections and rows, and nothing but the
// programs knows the API.
var floors = []string{
	"openflow",
	"openflow/flowtable", // with ofconn, which it uses
	"ovsdb",
	"plugin/tap",
	"plugin/mirrorpb",
	"plugin",
	"plugin/mirror",
	"api/document", // files that people write, for the controller and for tapctl
	"api/redact",
	"controller/selector", // a language, for lists and tap flows
	"controller/store",
	"controller/replica",
	"controller/audit",
	"controller/access",
	"controller/config",
	"controller/quiet",
	"controller/reconcile",
	"controller/meter",
	"controller/session",
	"controller/capture",
	"controller/hypervisor",
	"controller/sets",
	"controller/inventory",
	"controller/selection",
	"controller/engine/view",
	"controller/engine/events",
	"controller/engine/intent",
	"controller/engine/planning",
	"controller/engine/standing",
	"controller/engine/fleet",
	"controller/engine/members",
	"controller/engine/explain",
	"controller/engine/forecast",
	"controller/engine/present",
	"controller/engine/publish",
	"controller/engine/change",
	"controller/engine/contract",
	"controller/engine/trial",
	"controller/engine/keylock",
	"controller/engine",
	"api",
	"controller/package",
	"testenv",
}

// programs put the parts together, and may import everything.
var programs = []string{"controller/tapline", "plugin/tapline-mirror", "plugin/example",
	"api/tapctl", "testenv/tapline-lab", "testenv/e2e", "testenv/bench"}

// rule forbids the packages at and below from to import the packages at and below to, except those
// at and below allowed. Paths are those of the module where it has such a package, and of the
// standard library otherwise.
type rule struct {
	from, to string
	allowed  []string // packages that may be imported, or that may import
	why      string
}

// forbidden are imports with a reason of their own.
var forbidden = []rule{
	{"openflow", "log/slog", []string{"openflow/ofconn"}, "a codec does not log"},
	{"openflow", "net/http", nil, "a codec does no I/O"},
	{"plugin/mirror", "os/exec", nil, "the mirror logic does no I/O"},
	{"plugin/mirror", "net", []string{"net/netip"}, "the mirror logic does no I/O"},
	{"plugin/mirror", "ovsdb", nil, "the mirror logic knows no rows"},
	{"controller/reconcile", "net", []string{"net/netip"}, "reconciling is pure"},
	{"controller/meter", "net", []string{"net/netip"}, "counting is pure"},
	{"controller/reconcile", "plugin", []string{"plugin/tap"},
		"reconciling knows programs, not who made them"},
	{"api", "ovsdb", nil, "the API acts on intent alone"},
	{"api", "openflow", nil, "the API acts on intent alone"},
	{"api/client", "controller", nil, "a client knows the controller by its API alone"},
	{"api/client", "plugin", nil, "a client knows the controller by its API alone"},
	{"api/tapctl", "controller", []string{"api/tapctl/tapctltest"},
		"tapctl is a client like any other"},
	{"api/tapctl", "plugin", []string{"api/tapctl/tapctltest"},
		"tapctl is a client like any other"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}

	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// floor is the index of the longest entry of floors that holds a package, or -1.
func floor(path string) int {
	best := -1
	for i, f := range floors {
		if under(path, f) && (best < 0 || len(f) > len(floors[best])) {
			best = i
		}
	}
	return best
}

func isProgram(path string) bool {
	return slices.ContainsFunc(programs, func(p string) bool { return under(path, p) })
}

func TestImportsPointOneWay(t *testing.T) {
	packages := list(t)
	if len(packages) < len(floors) {
		t.Fatalf("go list found only %d packages", len(packages))
	}

	for _, p := range packages {
		from := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if from == "" || isProgram(from) {
			continue
		}

		at := floor(from)
		if at < 0 {
			t.Errorf("package %s has no floor", from)
			continue
		}

		for _, imported := range p.Imports {
			if to, ours := strings.CutPrefix(imported, module+"/"); ours && floor(to) > at {
				t.Errorf("%s imports %s, which stands above it", from, to)
			}
		}
	}
}

// under reports whether a path is a folder's, or below it.
func under(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func TestForbiddenImports(t *testing.T) {
	packages := list(t)
	for _, rule := range forbidden {
		allowed := func(path string) bool {
			return slices.ContainsFunc(rule.allowed,
				func(folder string) bool { return under(path, folder) })
		}

		importers := 0
		for _, p := range packages {
			from := strings.TrimPrefix(p.ImportPath, module+"/")
			if !under(from, rule.from) || allowed(from) {
				continue
			}

			importers++

			for _, imported := range p.Imports {
				to := strings.TrimPrefix(imported, module+"/")
				if under(to, rule.to) && !allowed(to) {
					t.Errorf("%s imports %s: %s", from, to, rule.why)
				}
			}
		}

		if importers == 0 {
			t.Errorf("the rule about %s is about no package", rule.from)
		}
	}
}
