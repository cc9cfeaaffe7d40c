//go:build linux

package lab

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPurgeStaleSparesTheLiving(t *testing.T) {
	Require(t)
	tests := []struct {
		name      string
		ephemeral bool
		ownerDied bool
		gone      bool
	}{
		{"test that died", true, true, true},
		{"test that runs", true, false, false},
		{"lab to play with", false, true, false},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			l := Start(t, 0, func(c *Config) { c.Dir, c.ephemeral = dir, test.ephemeral })
			err := l.update(func() {
				if test.ownerDied {
					l.state.Owner.Start--
				}
			})
			if err != nil {
				t.Fatal(err)
			}

			if err := purgeStale(context.Background(), dir); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(l.Dir); errors.Is(err, fs.ErrNotExist) != test.gone {
				t.Errorf("gone: %v, want %v", err, test.gone)
			}
		})
	}
}

func TestPurgeWithoutState(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"empty", "started", "foreign"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}

	files := map[string]string{"started": stateFile + ".new", "foreign": "thesis.txt"}
	for name, file := range files {
		if err := os.WriteFile(filepath.Join(dir, name, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}

	for name, want := range map[string]string{"empty": "", "started": "", "nothing": "",
		"foreign": "holds no lab.json", "": "lab name", "../x": "lab name"} {
		err := Purge(dir, name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Purge(%q): %v, want %q", name, err, want)
		}
	}

	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(left) != 1 {
		t.Errorf("files left: %v, want the foreign one", left)
	}
}
