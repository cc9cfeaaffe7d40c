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
	Bridge    string `json:"bridge"`     // name of the tap bridge on every host
	Tunnel    string `json:"tunnel"`     // encapsulation between hosts
	VXLANPort uint16 `json:"vxlan_port"` // UDP port of our VXLAN tunnels
}

// The values of Config.Tunnel.
const (
	TunnelGRE   = "gre"
	TunnelVXLAN = "vxlan"
	TunnelAuto  = "auto" // GRE where it works and harms no other tunnel, else VXLAN
)

// DefaultConfig is the configuration that an empty one stands for. The UDP port is not that of
// other VXLAN tunnels, so that both may stand on a host.
func DefaultConfig() Config {
	return Config{Bridge: "brtap", Tunnel: TunnelAuto, VXLANPort: 24789}
}

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
      "type": "string", "default": "auto", "enum": ["gre", "vxlan", "auto"],
      "description": "between hosts; auto: GRE where it harms no other tunnel, else VXLAN"
    },
    "vxlan_port": {
      "type": "integer", "default": 24789, "minimum": 1, "maximum": 65535,
      "description": "UDP port of VXLAN tunnels between hosts"
    }
  }
}`

// An interface name is at most 15 characters and has no '/' or blanks (IFNAMSIZ; dev_valid_name in
// Linux).
var bridgeName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,15}$`)

// setting is one setting of the configuration.
type setting struct {
	name  string
	parse func(json.RawMessage) (problem string) // sets the value, or says what is wrong with it
}

func (c *Config) settings() []setting {
	return []setting{
		{"bridge", parseText(&c.Bridge, func(s string) string {
			if !bridgeName.MatchString(s) || s == "." || s == ".." {
				return "is not a bridge name: want 1 to 15 letters, digits, '_', '.' or '-'"
			}
			return ""
		})},
		{"tunnel", parseText(&c.Tunnel, func(s string) string {
			if s != TunnelGRE && s != TunnelVXLAN && s != TunnelAuto {
				return `is not a tunnel type: want "gre", "vxlan" or "auto"`
			}
			return ""
		})},
		{"vxlan_port", parsePort(&c.VXLANPort)},
	}
}

// parseText parses a text; wrong says what is wrong with it, "" if nothing is.
func parseText(into *string, wrong func(string) string) func(json.RawMessage) string {
	return func(value json.RawMessage) string {
		if err := json.Unmarshal(value, into); err != nil || string(value) == "null" {
			return fmt.Sprintf("%s is not a string", value)
		}
		if problem := wrong(*into); problem != "" {
			return fmt.Sprintf("%q %s", *into, problem)
		}
		return ""
	}
}

func parsePort(into *uint16) func(json.RawMessage) string {
	return func(value json.RawMessage) string {
		if err := json.Unmarshal(value, into); err != nil || *into == 0 || string(value) == "null" {
			return fmt.Sprintf("%s is not a UDP port: want 1 to 65535", value)
		}
		return ""
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
