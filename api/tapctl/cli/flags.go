package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// Given is a pointer to the value of a flag if the flag was given, else nil.
func Given[V any](cmd *cobra.Command, flag string, value V) *V {
	if !cmd.Flags().Changed(flag) {
		return nil
	}
	return &value
}

// RequireAny fails if an update was given none of its flags.
func RequireAny(cmd *cobra.Command, flags ...string) error {
	for _, f := range flags {
		if cmd.Flags().Changed(f) {
			return nil
		}
	}
	return Usage("there is nothing to change: want some of --%s", strings.Join(flags, ", --"))
}

// Require marks flags as required.
func Require(cmd *cobra.Command, flags ...string) {
	for _, f := range flags {
		if err := cmd.MarkFlagRequired(f); err != nil {
			panic(err) // The command has no such flag.
		}
	}
}

// Pair splits NAME=VALUE. An empty value is accepted only if mayBeEmpty is set.
func Pair(flag, text, form string, mayBeEmpty bool) (name, value string, err error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" || (value == "" && !mayBeEmpty) {
		return "", "", Usage("--%s %q is malformed: want %s", flag, text, form)
	}
	return name, value, nil
}

// Pairs reads the values of a flag that is repeated, each NAME=VALUE. An empty value is nil.
func Pairs(flag, form string, texts []string, mayBeEmpty bool) (map[string]*string, error) {
	out := make(map[string]*string, len(texts))
	for _, text := range texts {
		name, value, err := Pair(flag, text, form, mayBeEmpty)
		if err != nil {
			return nil, err
		}

		if _, twice := out[name]; twice {
			return nil, Usage("--%s %s is given twice", flag, name)
		}

		out[name] = nil
		if value != "" {
			out[name] = &value
		}
	}

	return out, nil
}
