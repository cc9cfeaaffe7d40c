package api_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
)

// generator is the code generator that most Go users of OpenAPI run.
const generator = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.5.0"

// TestGeneratedClientCompiles generates a Go client from the document, and compiles it. It takes
// long and needs modules that are not ours.
func TestGeneratedClientCompiles(t *testing.T) {
	if os.Getenv("CI") != "true" && os.Getenv("TAPLINE_GENERATE") == "" {
		t.Skip("neither CI nor TAPLINE_GENERATE is set: it builds a code generator, which takes " +
			"minutes")
	}

	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "go %v: %s", args, out)
	}

	version := exec.Command("go", "run", generator, "-version")
	version.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	version.Dir = dir
	if out, err := version.CombinedOutput(); err != nil {
		t.Skipf("%s cannot be fetched or built: %s", generator, out)
	}

	require.NoError(t, os.WriteFile(filepath.Join(dir, "openapi.yaml"), api.Document(), 0o600))
	module := []byte("module generated\n")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), module, 0o600))
	run("run", generator, "-generate", "types,client", "-package", "generated",
		"-o", "client.go", "openapi.yaml")
	run("mod", "tidy")
	run("vet", ".")
}
