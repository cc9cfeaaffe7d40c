package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// writeScript writes a script that prints a word.
func writeScript(t *testing.T, path, word string) (checksum string) {
	t.Helper()
	content := []byte("#!/bin/sh\necho " + word + "\n")
	require.NoError(t, os.WriteFile(path, content, 0o755))
	require.NoError(t, os.Chmod(path, 0o755), "whatever the umask is")
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// TestCheckedBinaryIsExecuted replaces the file between the check and the start.
func TestCheckedBinaryIsExecuted(t *testing.T) {
	path, other := filepath.Join(t.TempDir(), "plugin"), filepath.Join(t.TempDir(), "other")
	spec := Spec{Path: path, SHA256: writeScript(t, path, "checked")}
	writeScript(t, other, "replaced")

	binary, err := spec.openBinary()
	require.NoError(t, err)
	defer func() { _ = binary.Close() }()
	require.NoError(t, os.Rename(other, path))

	dir := t.TempDir()
	cmd := spec.command(binary, os.Stdin, dir)
	var out []byte
	err = confinement(binary, dir).Do(func() (err error) {
		out, err = cmd.Output()
		return err
	})
	require.NoError(t, err)
	assert.Equal(t, "checked\n", string(out))
	assert.Equal(t, path, cmd.Args[0], "process lists show the path")
}

// TestBinaryThatOthersCanChange is refused: they could run what they like as the controller's user.
func TestBinaryThatOthersCanChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plugin")
	writeScript(t, path, "word")
	spec := Spec{Path: path}
	for _, mode := range []os.FileMode{0o775, 0o757, 0o777} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := spec.openBinary()
		assert.ErrorContains(t, err, "chmod go-w", "mode %o", mode)
	}

	require.NoError(t, os.Chmod(path, 0o755))
	binary, err := spec.openBinary()
	require.NoError(t, err)
	require.NoError(t, binary.Close())

	if os.Geteuid() != 0 {
		t.Skip("only root can give a file to another user")
	}

	require.NoError(t, os.Chown(path, 12345, -1))
	_, err = spec.openBinary()
	assert.ErrorContains(t, err, "belongs to user 12345")
}
