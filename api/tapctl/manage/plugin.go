package manage

import (
	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

func pluginVerbs(app *cli.App) []*cobra.Command {
	return []*cobra.Command{listPlugins(app), showPlugin(app), reloadPlugin(app)}
}

func listPlugins(app *cli.App) *cobra.Command {
	run := func(cmd *cobra.Command, _ []string) error {
		c, err := app.Client()
		if err != nil {
			return err
		}
		list, err := c.Plugins().List(cmd.Context())
		if err != nil {
			return err
		}
		return kind.Plugins().WriteList(app.Out, app.Style, list)
	}

	return app.Command(verb("plugin", "list [flags]", "List the controller's plugins",
		`  tapctl %[1]s-list
  tapctl %[1]s-list -o wide`, cli.NoArgs, run))
}

func showPlugin(app *cli.App) *cobra.Command {
	run := func(cmd *cobra.Command, args []string) error {
		c, err := app.Client()
		if err != nil {
			return err
		}
		plugin, err := c.Plugins().Get(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return kind.Plugins().Write(app.Out, app.Style, plugin)
	}

	return app.Command(verb("plugin", "show NAME [flags]", "Show a plugin",
		"  tapctl %[1]s-show mirror -o yaml", cli.OneArg("NAME"), run))
}

func reloadPlugin(app *cli.App) *cobra.Command {
	run := func(cmd *cobra.Command, args []string) error {
		c, err := app.Client()
		if err != nil {
			return err
		}
		plugin, err := c.Plugins().Reload(cmd.Context(), args[0])
		return written(app, kind.Plugins(), plugin, err)
	}

	return app.Command(verb("plugin", "reload NAME",
		"Replace a running plugin by its current file and configuration",
		`  # after a new tapline-mirror was installed; nothing on the switches is rewritten
  tapctl %[1]s-reload mirror`, cli.OneArg("NAME"), run))
}
