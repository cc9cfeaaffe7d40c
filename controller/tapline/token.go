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

// adminToken reads the token file, or makes it: whoever has lost the token, or has it no longer to himself, deletes the file and
// starts the controller again.
func adminToken(ctx context.Context, path string, trail *audit.Log, log *slog.Logger) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		token := rand.Text() + rand.Text()
		err := trail.Change(ctx, audit.Change{Kind: "token", ID: access.AdminID, Name: access.AdminID,
			After: json.RawMessage(`{"id":"admin","name":"admin","role":"admin"}`)})
		if err == nil {
			err = writeToken(path, token)
		}
		if err != nil {
			return nil, fmt.Errorf("admin token: %w", err)
		}
		log.Info("an admin's token was made; one that was there before is no longer valid", "path", path)
		return []byte(token), nil
	}
	if err != nil {
		return nil, fmt.Errorf("admin token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return nil, fmt.Errorf("admin token: %s is empty; delete it, and a new one is made", path)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("others than its owner can read the admin's token: chmod 600, or delete it and start again", "path", path, "mode", info.Mode().Perm())
	}
	return []byte(token), nil
}

// writeToken writes the file whole or not at all.
func writeToken(path, token string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".admin.token-*") // Mode 0600.
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
