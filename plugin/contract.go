package plugin

import (
	"context"
	"strings"

	hplugin "github.com/hashicorp/go-plugin"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Version is the version of the contract and of the plugin that ships with it.
const Version = "1.0.0"

// ProtocolVersion must be the same on both sides. It changes when mirror.proto changes in a way
// that an older peer would misunderstand.
const ProtocolVersion = 1

// Handshake lets a process recognise that it was started as a mirror plugin. It is not a security
// measure.
var Handshake = hplugin.HandshakeConfig{
	ProtocolVersion:  ProtocolVersion,
	MagicCookieKey:   "TAPLINE_PLUGIN",
	MagicCookieValue: "mirror",
}

// Mirror is the mirror logic. Implementations are safe for concurrent use. A call that ends because
// its context ended returns an error that wraps the context's error.
type Mirror interface {
	// Describe returns the plugin's name, version and configuration schema.
	Describe(ctx context.Context) (Description, error)

	// Configure sets the configuration, a JSON object or nothing, before the first Run. A
	// configuration with wrong fields is refused with a *ConfigError.
	Configure(ctx context.Context, config []byte) error

	// Check validates a resource against the state of a revision, and waits until Run has applied
	// that revision. It returns the resource with derived fields filled in, such as the only NIC of
	// a guest. A resource that is refused yields a *tap.Rejection.
	Check(ctx context.Context, revision uint64, r tap.Resource) (tap.Resource, error)

	// Run applies changes until the channel is closed or ctx ends. The first change is a snapshot.
	// For each change Run calls emit, one call at a time, with the programs and statuses that
	// follow. An error of emit ends Run with that error.
	Run(ctx context.Context, changes <-chan tap.Change, emit func(tap.Result) error) error
}

// Description identifies a plugin.
type Description struct {
	Name         string
	Version      string
	ConfigSchema string // JSON Schema of the configuration
}

// FieldError is one wrong field of a configuration.
type FieldError struct {
	Field   string // "" for an error about the whole configuration
	Message string
}

// ConfigError lists what is wrong with a configuration. None of the configuration was applied.
type ConfigError struct {
	Fields []FieldError
}

// Error implements error.
func (e *ConfigError) Error() string {
	var messages []string
	for _, f := range e.Fields {
		if f.Field == "" {
			messages = append(messages, f.Message)
		} else {
			messages = append(messages, f.Field+": "+f.Message)
		}
	}
	return strings.Join(messages, "; ")
}
