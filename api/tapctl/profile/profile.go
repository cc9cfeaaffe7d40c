// Package profile reads and writes the client file: the controllers that a user works with, each a
// context with its addresses and credentials, and which of them is in use.
//
// The file is YAML, by default ~/.config/tapline/config.yaml (XDG Base Directory Specification
// 0.8). It is written whole, readable by its owner alone, and takes the place of the old one at
// once.
package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/tapline-sdn/tapline/api/document"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// File is what a client file holds.
type File struct {
	Current  string             `json:"current"` // name of the context in use; "" for none
	Contexts map[string]Context `json:"contexts"`
}

// Context is a controller and how to reach it. Paths of files are absolute.
type Context struct {
	Servers   []string `json:"servers,omitempty"` // tried in order
	Token     string   `json:"token,omitempty"`
	TokenFile string   `json:"token_file,omitempty"`
	CAFile    string   `json:"ca_file,omitempty"`
	CertFile  string   `json:"cert_file,omitempty"`
	KeyFile   string   `json:"key_file,omitempty"`
}

// Path is the path of the client file, "" if there is no home directory.
func Path(env func(string) string) string {
	if path := env("TAPLINE_CONFIG"); path != "" {
		return path
	}

	dir := env("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) { // A relative path is invalid and ignored.
		if env("HOME") == "" {
			return ""
		}
		dir = filepath.Join(env("HOME"), ".config")
	}
	return filepath.Join(dir, "tapline", "config.yaml")
}

// Read reads a client file. A file that does not exist is empty.
func Read(path string) (File, error) {
	data, err := os.ReadFile(path)
	if path == "" || errors.Is(err, fs.ErrNotExist) {
		return File{Contexts: map[string]Context{}}, nil
	}

	if err != nil {
		return File{}, fmt.Errorf("the client file: %w", err)
	}

	doc, errs := document.ReadOne(path, data)
	if len(errs) > 0 {
		return File{}, errs
	}

	decoder := json.NewDecoder(bytes.NewReader(doc.Root.JSON()))
	decoder.DisallowUnknownFields()
	var file File
	if err := decoder.Decode(&file); err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}

	if file.Contexts == nil {
		file.Contexts = map[string]Context{}
	}
	if _, ok := file.Contexts[file.Current]; !ok && file.Current != "" {
		return File{}, doc.Error("current", "there is no context %q in the file", file.Current)
	}

	return file, nil
}

// Write writes a client file.
func (f File) Write(path string) error {
	var b bytes.Buffer
	b.WriteString("# contexts of tapctl; see tapctl config --help\n")
	if err := format.YAML(&b, f); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}

	// A file beside it, renamed over it: nobody reads half a file.
	temporary, err := os.CreateTemp(filepath.Dir(path), ".config-*.yaml")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())

	_, err = temporary.Write(b.Bytes())
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err != nil {
		return err
	}

	return os.Rename(temporary.Name(), path)
}

// Names are the names of the contexts, sorted.
func (f File) Names() []string { return slices.Sorted(maps.Keys(f.Contexts)) }
