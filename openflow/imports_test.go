package openflow_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestImports: the packages under openflow are a library of their own, so they
// import nothing of the project but each other (and their tests a real switch);
// the codec is pure, so it does not import what opens connections or logs.
func TestImports(t *testing.T) {
	const project, library, tested = "github.com/tapline-sdn/tapline/", "github.com/tapline-sdn/tapline/openflow", "github.com/tapline-sdn/tapline/testenv/ovs"
	impure := []string{"net", "os", "log", "log/slog", "crypto/tls", "sync", "context", library}
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
			if strings.HasPrefix(name, project) && !strings.HasPrefix(name, library) && !(test && name == tested) {
				t.Errorf("%s imports %s, which is not of this library", path, name)
			}
			if filepath.Dir(path) != "." || test {
				continue
			}
			for _, bad := range impure {
				if name == bad || strings.HasPrefix(name, library+"/") {
					t.Errorf("%s imports %s, but the codec is pure", path, name)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
