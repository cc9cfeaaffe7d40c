package openflow_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestImports holds the library to its two rules. The packages under openflow import nothing of the
// project but each other; their tests may start a real switch. The codec (this package, action, oxm
// and wire) is pure: it imports nothing that opens connections, locks or logs.
func TestImports(t *testing.T) {
	const project, library, tested = "github.com/tapline-sdn/tapline/",
		"github.com/tapline-sdn/tapline/openflow", "github.com/tapline-sdn/tapline/testenv/ovs"
	impure := []string{"net", "os", "log", "log/slog", "crypto/tls", "sync", "context"}
	codec := []string{".", "action", "oxm", "wire"}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}

		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}

		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}

			test := strings.HasSuffix(path, "_test.go")
			if strings.HasPrefix(name, project) && !strings.HasPrefix(name, library) &&
				!(test && name == tested) {
				t.Errorf("%s imports %s, which is not of this library", path, name)
			}

			if test || !slices.Contains(codec, filepath.Dir(path)) {
				continue
			}

			part, ours := strings.CutPrefix(name, library+"/")
			if slices.Contains(impure, name) || ours && !slices.Contains(codec, part) {
				t.Errorf("%s imports %s, but the codec is pure", path, name)
			}
		}

		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
