package plugin

import (
	"context"
	"strings"

	hplugin "github.com/hashicorp/go-plugin"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Version is the version of the contract and of the plugin that ships with it.
const Version = "1.0.0"

// ProtocolVersion is what both sides must have in common. It changes when mirror.proto does in a way that an older peer
// would misunderstand.
const ProtocolVersion = 1

// Handshake is how a process recognises that it was started as a mirror plugin. It is no security measure.
var Handshake = hplugin.HandshakeConfig{
	ProtocolVersion:  ProtocolVersion,
	MagicCookieKey:   "TAPLINE_PLUGIN",
	MagicCookieValue: "mirror",
}

// Mirror is the mirror logic. Implementations are safe for concurrent use. A call that ends because its context did returns
// an error that wraps the context's.
type Mirror interface {
	// Describe tells who this is and how it is configured.
	Describe(ctx context.Context) (Description, error)
	// Configure takes the configuration, a JSON object or nothing, before the first Run. What is wrong with it is a
	// *ConfigError.
	Configure(ctx context.Context, config []byte) error
	// Check holds a resource against what Run has taken in up to a revision, and waits for that revision. It returns the
	// resource with what follows from the topology filled in; a refusal is a *tap.Rejection.
	Check(ctx context.Context, revision uint64, r tap.Resource) (tap.Resource, error)
	// Run takes changes until the channel is closed or ctx ends, and calls tell, one call at a time, with what follows. The first
	// change is a snapshot. An error of tell ends Run with that error.
	Run(ctx context.Context, changes <-chan tap.Change, tell func(tap.Result) error) error
}

// Description tells who a plugin is.
type Description struct {
	Name         string
	Version      string
	ConfigSchema string // JSON Schema of what Configure takes
}

// FieldError is one wrong field of a configuration.
type FieldError struct {
	Field   string // "" if it is about the configuration as a whole
	Message string
}

// ConfigError says what is wrong with a configuration. Nothing of it was taken.
type ConfigError struct {
	Fields []FieldError
}

// Error implements error.
func (e *ConfigError) Error() string {
	var all []string
	for _, f := range e.Fields {
		if f.Field == "" {
			all = append(all, f.Message)
		} else {
			all = append(all, f.Field+": "+f.Message)
		}
	}
	return strings.Join(all, "; ")
}
