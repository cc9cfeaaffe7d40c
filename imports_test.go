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

// floors lists the packages from the ground up. A package may import those of lower floors and, within its own entry, its
// sub-packages may import each other. So the protocol libraries know nothing of mirroring, the mirror logic knows nothing of
// connections and rows, and nothing but the programs knows the API.
var floors = []string{
	"openflow",
	"openflow/flowtable", // with ofconn, which it uses
	"ovsdb",
	"plugin/tap",
	"plugin/mirrorpb",
	"plugin",
	"plugin/mirror",
	"controller/store",
	"controller/audit",
	"controller/access",
	"controller/config",
	"controller/quiet",
	"controller/reconcile",
	"controller/meter",
	"controller/session",
	"controller/hypervisor",
	"controller/engine",
	"api",
	"controller/package",
	"testenv",
}

// programs put the parts together, and may import everything.
var programs = []string{"controller/tapline", "plugin/tapline-mirror", "plugin/example", "api/tapctl", "testenv/tapline-lab", "testenv/e2e", "testenv/bench"}

// forbidden are imports with a reason of their own.
var forbidden = []struct{ from, to, why string }{
	{"openflow", "log/slog", "a codec does not log"},
	{"openflow", "net/http", "a codec does no I/O"},
	{"plugin/mirror", "os/exec", "the mirror logic does no I/O"},
	{"plugin/mirror", "net", "the mirror logic does no I/O"},
	{"plugin/mirror", module + "/ovsdb", "the mirror logic knows no rows"},
	{"controller/reconcile", "net", "reconciling is pure"},
	{"controller/meter", "net", "counting is pure"},
	{"controller/reconcile", module + "/plugin", "reconciling knows programs, not who made them"},
	{"api", module + "/ovsdb", "the API acts on intent alone"},
	{"api", module + "/openflow", "the API acts on intent alone"},
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
		if (path == f || strings.HasPrefix(path, f+"/")) && (best < 0 || len(f) > len(floors[best])) {
			best = i
		}
	}
	return best
}

func isProgram(path string) bool {
	return slices.ContainsFunc(programs, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") })
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

func TestForbiddenImports(t *testing.T) {
	packages := list(t)
	for _, rule := range forbidden {
		seen := false
		for _, p := range packages {
			if p.ImportPath != module+"/"+rule.from {
				continue
			}
			seen = true
			if slices.Contains(p.Imports, rule.to) {
				t.Errorf("%s imports %s: %s", rule.from, rule.to, rule.why)
			}
		}
		if !seen {
			t.Errorf("the rule about %s is about no package", rule.from)
		}
	}
}
