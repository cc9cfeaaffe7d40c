package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
)

// adminToken reads the admin token from its file. If the file does not exist, it makes a new token.
// To rotate the admin token, delete the file and restart.
func adminToken(
	ctx context.Context, path string, trail *audit.Log, log *slog.Logger,
) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeAdminToken(ctx, path, trail, log)
	}

	if err != nil {
		return nil, fmt.Errorf("admin token: %w", err)
	}

	token := strings.TrimSpace(string(data))
	if token == "" {
		return nil, fmt.Errorf("admin token: %s is empty; delete it, and a new token is made", path)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("others than its owner can read the admin token: "+
			"chmod 600, or delete the file and restart", "path", path, "mode", info.Mode().Perm())
	}

	return []byte(token), nil
}

// makeAdminToken writes a new token to the file. The audit log has it first.
func makeAdminToken(
	ctx context.Context, path string, trail *audit.Log, log *slog.Logger,
) ([]byte, error) {
	token := rand.Text() + rand.Text()
	err := trail.Change(ctx, audit.Change{
		Kind: "token", ID: access.AdminID, Name: access.AdminID,
		After: json.RawMessage(`{"id":"admin","name":"admin","role":"admin"}`),
	})
	if err == nil {
		err = writeToken(path, token)
	}

	if err != nil {
		return nil, fmt.Errorf("admin token: %w", err)
	}

	log.Info("a new admin token was made; an earlier one is no longer valid", "path", path)
	return []byte(token), nil
}

// writeToken writes the whole file or nothing. Its mode is 0600.
func writeToken(path, token string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".admin.token-*")
	if err != nil {
		return err
	}

	_, err = f.WriteString(token + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}

	if err != nil {
		_ = os.Remove(f.Name())
	}

	return err
}
