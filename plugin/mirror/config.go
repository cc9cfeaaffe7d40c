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

// DefaultConfig is the configuration that an empty one stands for.
func DefaultConfig() Config { return Config{Bridge: "brtap", Tunnel: "gre"} }

// Schema is the JSON Schema of the configuration.
const Schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "bridge": {
      "type": "string", "default": "brtap", "pattern": "^[A-Za-z0-9_.-]{1,15}$",
      "description": "name of the tap bridge on every host"
    },
    "tunnel": {
      "type": "string", "default": "gre", "enum": ["gre"],
      "description": "encapsulation between hosts"
    }
  }
}`

// An interface name is at most 15 characters and has no '/' or blanks (IFNAMSIZ; dev_valid_name in
// Linux).
var bridgeName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,15}$`)

// setting is one setting of the configuration.
type setting struct {
	name  string
	value *string
	wrong func(string) string // what is wrong with a value, "" if nothing is
}

func (c *Config) settings() []setting {
	return []setting{
		{"bridge", &c.Bridge, func(s string) string {
			if !bridgeName.MatchString(s) || s == "." || s == ".." {
				return "is not a bridge name: want 1 to 15 letters, digits, '_', '.' or '-'"
			}
			return ""
		}},
		{"tunnel", &c.Tunnel, func(s string) string {
			if s != "gre" {
				return `is not a tunnel type: want "gre"`
			}
			return ""
		}},
	}
}

// ParseConfig reads a JSON object over the defaults. The error is a [plugin.ConfigError] with every
// wrong field.
func ParseConfig(data []byte) (Config, error) {
	config := DefaultConfig()
	raw, err := parseObject(data)
	if err != nil {
		return Config{}, &plugin.ConfigError{Fields: []plugin.FieldError{{Message: err.Error()}}}
	}

	var wrong []plugin.FieldError
	var names []string
	for _, s := range config.settings() {
		names = append(names, s.name)
		if value, given := raw[s.name]; given {
			if problem := s.parse(value); problem != "" {
				wrong = append(wrong, plugin.FieldError{Field: s.name, Message: problem})
			}
		}
	}
	for name := range raw {
		if !slices.Contains(names, name) {
			wrong = append(wrong, plugin.FieldError{Field: name, Message: "is not a setting of " +
				"this plugin: it has " + strings.Join(names, ", ")})
		}
	}

	if wrong != nil {
		slices.SortFunc(wrong, func(a, b plugin.FieldError) int {
			return strings.Compare(a.Field, b.Field)
		})
		return Config{}, &plugin.ConfigError{Fields: wrong}
	}
	return config, nil
}

// parseObject reads one JSON object; nothing at all stands for an empty one.
func parseObject(data []byte) (map[string]json.RawMessage, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}

	var raw map[string]json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&raw); err != nil {
		return nil, fmt.Errorf("want a mapping of settings: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return raw, nil
}

// parse sets the value, and returns what is wrong with it.
func (s setting) parse(value json.RawMessage) (problem string) {
	if err := json.Unmarshal(value, s.value); err != nil || string(value) == "null" {
		return fmt.Sprintf("%s is not a string", value)
	}
	if problem := s.wrong(*s.value); problem != "" {
		return fmt.Sprintf("%q %s", *s.value, problem)
	}
	return ""
}
