package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/plugin"
)

// description is a plugin's word on itself, as JSON.
type description struct {
	Name            string          `json:"name"`
	Version         string          `json:"version"`
	ProtocolVersion int             `json:"protocol_version"`
	Path            string          `json:"path"`
	ConfigSchema    json.RawMessage `json:"config_schema"`
}

func pluginCommand() *cobra.Command {
	var file, path, output string
	describe := &cobra.Command{
		Use:   "describe",
		Short: "Tell a plugin's name, version, and the JSON Schema of its configuration",
		Long: `Start a plugin, ask it who it is and how it is configured (plugins[].config of the configuration file), and end it.
No controller has to run, and nothing is changed.`,
		Example: `  tapline plugin describe
  tapline plugin describe --path /usr/lib/tapline/tapline-mirror -o json | jq .config_schema`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return usageError{fmt.Errorf("--output %q: want text or json", output)}
			}
			log, err := newLogger(cmd.ErrOrStderr(), "warn")
			if err != nil {
				return err
			}
			loaded := config.Default()
			if file != "" {
				if loaded, err = config.Load(file); err != nil {
					return fmt.Errorf("the configuration is wrong:\n%w", err)
				}
			}
			spec, err := pluginSpec(loaded, log)
			if err != nil {
				return err
			}
			if path != "" {
				spec.Path, spec.SHA256 = path, ""
			}
			found, err := plugin.Describe(cmd.Context(), spec)
			if err != nil {
				return err
			}
			return printDescription(cmd.OutOrStdout(), output, description{
				Name: found.Name, Version: found.Version, ProtocolVersion: plugin.ProtocolVersion, Path: spec.Path,
				ConfigSchema: json.RawMessage(found.ConfigSchema),
			})
		},
	}
	describe.Flags().StringVar(&file, "config", "", "configuration `FILE` that names the plugin (default: the one beside this program)")
	describe.Flags().StringVar(&path, "path", "", "the plugin's `BINARY`, whatever the configuration says")
	describe.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	describe.MarkFlagsMutuallyExclusive("config", "path")

	cmd := &cobra.Command{Use: "plugin", Short: "Work with plugins"}
	cmd.AddCommand(describe)
	return cmd
}

func printDescription(w io.Writer, output string, d description) error {
	if !json.Valid(d.ConfigSchema) {
		return fmt.Errorf("plugin %s: the schema of its configuration is not JSON: %.100q", d.Name, d.ConfigSchema)
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
	_, err := fmt.Fprintf(w, "name      %s\nversion   %s\nprotocol  %d\npath      %s\nconfig    %s\n", d.Name, d.Version, d.ProtocolVersion, d.Path, &schema)
	return err
}
