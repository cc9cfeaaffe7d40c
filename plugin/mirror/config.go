package mirror

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/plugin"
)

// Config is the plugin's configuration. The zero value is not valid; start from [DefaultConfig].
type Config struct {
	Bridge string `json:"bridge"` // name of the tap bridge on every host
	Tunnel string `json:"tunnel"` // encapsulation between hosts: "gre"
}

// DefaultConfig is what an empty configuration means.
func DefaultConfig() Config { return Config{Bridge: "brtap", Tunnel: "gre"} }

// Schema is the JSON Schema of the configuration.
const Schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "bridge": {"type": "string", "default": "brtap", "pattern": "^[A-Za-z0-9_.-]{1,15}$", "description": "name of the tap bridge on every host"},
    "tunnel": {"type": "string", "default": "gre", "enum": ["gre"], "description": "encapsulation between hosts"}
  }
}`

// An interface name is at most 15 characters and has no '/' or blanks (IFNAMSIZ; dev_valid_name in Linux).
var bridgeName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,15}$`)

// ParseConfig reads the JSON form over the defaults. Every wrong field is told at once, in a [plugin.ConfigError].
func ParseConfig(data []byte) (Config, error) {
	config := DefaultConfig()
	if len(bytes.TrimSpace(data)) == 0 {
		return config, nil
	}
	var raw map[string]json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&raw); err != nil {
		return Config{}, &plugin.ConfigError{Fields: []plugin.FieldError{{Message: "want a mapping of settings: " + err.Error()}}}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Config{}, &plugin.ConfigError{Fields: []plugin.FieldError{{Message: "more than one value"}}}
	}
	fields := []struct {
		name  string
		value *string
		wrong func(string) string
	}{
		{"bridge", &config.Bridge, func(s string) string {
			if !bridgeName.MatchString(s) || s == "." || s == ".." {
				return "is not a bridge name: want 1 to 15 letters, digits, '_', '.' or '-'"
			}
			return ""
		}},
		{"tunnel", &config.Tunnel, func(s string) string {
			if s != "gre" {
				return `is not a tunnel type: want "gre"`
			}
			return ""
		}},
	}
	var wrong []plugin.FieldError
	var known []string
	for _, f := range fields {
		known = append(known, f.name)
		value, given := raw[f.name]
		delete(raw, f.name)
		if !given {
			continue
		}
		if err := json.Unmarshal(value, f.value); err != nil || string(value) == "null" {
			wrong = append(wrong, plugin.FieldError{Field: f.name, Message: fmt.Sprintf("%s is not a string", value)})
		} else if why := f.wrong(*f.value); why != "" {
			wrong = append(wrong, plugin.FieldError{Field: f.name, Message: fmt.Sprintf("%q %s", *f.value, why)})
		}
	}
	for name := range raw {
		wrong = append(wrong, plugin.FieldError{Field: name, Message: "is not a setting of this plugin: it has " + strings.Join(known, ", ")})
	}
	if wrong != nil {
		slices.SortFunc(wrong, func(a, b plugin.FieldError) int { return strings.Compare(a.Field, b.Field) })
		return Config{}, &plugin.ConfigError{Fields: wrong}
	}
	return config, nil
}
