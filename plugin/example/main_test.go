package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden file anew")

// TestExample runs the example against the real plugin.
func TestExample(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "tapline-mirror")
	out, err := exec.Command("go", "build", "-o", binary, "../tapline-mirror").CombinedOutput()
	require.NoError(t, err, "%s", out)

	var got bytes.Buffer
	require.NoError(t, run(t.Context(), binary, &got))
	const golden = "testdata/output.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, got.Bytes(), 0o644))
	}

	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())

	require.ErrorContains(t, run(t.Context(), filepath.Join(t.TempDir(), "absent"), &got),
		"there is no such file")
}
