package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/plugin"
)

// description is what a plugin says about itself, as JSON.
type description struct {
	Name            string          `json:"name"`
	Version         string          `json:"version"`
	ProtocolVersion int             `json:"protocol_version"`
	Path            string          `json:"path"`
	ConfigSchema    json.RawMessage `json:"config_schema"`
}

func pluginCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "plugin", Short: "Work with plugins"}
	cmd.AddCommand(describeCommand())
	return cmd
}

func describeCommand() *cobra.Command {
	var file, path, output string
	cmd := &cobra.Command{
		Use:   "describe",
		Short: "Print a plugin's name and version, and the JSON Schema of its configuration",
		Long: `Start a plugin, ask it for its name, its version and the JSON Schema of its
configuration (plugins[].config of the configuration file), and end it. No controller
has to run, and nothing is changed.`,
		Example: `  tapline plugin describe
  tapline plugin describe --path /usr/lib/tapline/tapline-mirror -o json | jq .config_schema`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return usageError{fmt.Errorf("--output %q: want text or json", output)}
			}

			d, err := describe(cmd, file, path)
			if err != nil {
				return err
			}

			return printDescription(cmd.OutOrStdout(), output, d)
		},
	}

	flags := cmd.Flags()
	flags.StringVar(&file, "config", "",
		"configuration `FILE` that names the plugin (default: the plugin beside this program)")

	flags.StringVar(&path, "path", "", "the plugin's `BINARY`, instead of the configured one")
	flags.StringVarP(&output, "output", "o", "text", "text or json")
	cmd.MarkFlagsMutuallyExclusive("config", "path")
	return cmd
}

// describe asks a plugin: the one at path, or else the one that the configuration file names.
func describe(cmd *cobra.Command, file, path string) (description, error) {
	log := newLogger(cmd.ErrOrStderr(), config.Log{Level: slog.LevelWarn})
	c, err := loadConfig(file)
	if err != nil {
		return description{}, err
	}

	spec, err := pluginSpec(c, log)
	if err != nil {
		return description{}, err
	}

	if path != "" {
		spec.Path, spec.SHA256 = path, ""
	}

	found, err := plugin.Describe(cmd.Context(), spec)
	if err != nil {
		return description{}, err
	}

	return description{
		Name:            found.Name,
		Version:         found.Version,
		ProtocolVersion: plugin.ProtocolVersion,
		Path:            spec.Path,
		ConfigSchema:    json.RawMessage(found.ConfigSchema),
	}, nil
}

func printDescription(w io.Writer, output string, d description) error {
	if !json.Valid(d.ConfigSchema) {
		return fmt.Errorf("plugin %s: the schema of its configuration is not JSON: %.100q",
			d.Name, d.ConfigSchema)
	}

	if output == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(d)
	}

	var schema bytes.Buffer
	if err := json.Indent(&schema, d.ConfigSchema, "", "  "); err != nil {
		return err
	}

	_, err := fmt.Fprintf(w,
		"name      %s\nversion   %s\nprotocol  %d\npath      %s\nconfig    %s\n",
		d.Name, d.Version, d.ProtocolVersion, d.Path, &schema)

	return err
}
