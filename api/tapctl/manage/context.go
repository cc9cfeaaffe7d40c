package manage

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/tapctl/advice"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/profile"
)

const contextHelp = `Work with several controllers. A context is a controller: its URL, or those of
its replicas, and the credentials for it. Contexts are kept in the client file,
~/.config/tapline/config.yaml or $TAPLINE_CONFIG, which only its owner can read.

Flags win over environment variables, and these over the context in use. The credentials of a
context are sent to its own servers alone: with --server or TAPLINE_SERVER no context is used. With
--context the named one is used, and environment variables are not.`

// contextVerbs is the command config with its subcommands.
func contextVerbs(app *cli.App) []*cobra.Command {
	config := &cobra.Command{
		Use:   "config use|list|show|set|delete",
		Short: "Work with several controllers",
		Long:  contextHelp,
		Example: `  tapctl config set lab --token-file lab.token \
    --server https://10.0.0.5:8640,https://10.0.0.6:8640
  tapctl config use lab
  tapctl tap-flow-list --context prod`,
	}

	config.AddCommand(
		useContext(app), listContexts(app), showContext(app), setContext(app), deleteContext(app))

	return []*cobra.Command{config}
}

// clientFile reads the client file.
func clientFile(app *cli.App) (profile.File, error) {
	file, err := profile.Read(profile.Path(app.Env))
	if err != nil {
		return profile.File{}, &advice.Error{Err: err,
			Next: "correct the client file, or delete it"}
	}
	return file, nil
}

// writeClientFile writes the client file.
func writeClientFile(app *cli.App, file profile.File) error {
	path := profile.Path(app.Env)
	if path == "" {
		return advice.New("set HOME, XDG_CONFIG_HOME or TAPLINE_CONFIG",
			"there is no place for the client file")
	}
	if err := file.Write(path); err != nil {
		return &advice.Error{Err: fmt.Errorf("the client file: %w", err)}
	}
	return nil
}

// checkContext fails if the file has no context of a name.
func checkContext(file profile.File, name string) error {
	if _, ok := file.Contexts[name]; ok {
		return nil
	}
	return advice.New("tapctl config list shows the contexts; tapctl config set adds one",
		"there is no context %q%s", name, advice.DidYouMean(name, file.Names()))
}

func useContext(app *cli.App) *cobra.Command {
	return app.Command(cli.Verb{
		Use:     "use NAME",
		Short:   "Use a context from now on",
		Example: "  tapctl config use lab",
		Args:    cli.OneArg("NAME"),
		Run: func(_ *cobra.Command, args []string) error {
			file, err := clientFile(app)
			if err != nil {
				return err
			}

			if err := checkContext(file, args[0]); err != nil {
				return err
			}

			file.Current = args[0]
			if err := writeClientFile(app, file); err != nil {
				return err
			}

			_, err = fmt.Fprintf(app.Out, "context %q is in use\n", args[0])
			return err
		},
	})
}

// contextRow is a context in a table. The token itself is not shown.
type contextRow struct {
	Name        string   `json:"name"`
	InUse       bool     `json:"in_use"`
	Servers     []string `json:"servers"`
	Credentials string   `json:"credentials"`
}

func newContextRow(file profile.File, name string) contextRow {
	c := file.Contexts[name]
	credentials := "those of this machine"
	switch {
	case c.Token != "":
		credentials = "token"
	case c.TokenFile != "":
		credentials = c.TokenFile
	case c.CertFile != "":
		credentials = c.CertFile
	}

	return contextRow{name, name == file.Current, append([]string{}, c.Servers...), credentials}
}

func listContexts(app *cli.App) *cobra.Command {
	columns := []format.Column[contextRow]{
		{Title: "IN USE", Value: func(r contextRow) string {
			if r.InUse {
				return "*"
			}
			return ""
		}},
		{Title: "NAME", Value: func(r contextRow) string { return r.Name }, Flex: true},
		{Title: "SERVERS", Value: func(r contextRow) string { return strings.Join(r.Servers, ",") },
			Flex: true},
		{Title: "CREDENTIALS", Value: func(r contextRow) string { return r.Credentials },
			Flex: true},
	}

	return app.Command(cli.Verb{
		Use:     "list [flags]",
		Short:   "List contexts",
		Example: "  tapctl config list\n  tapctl config list -o name",
		Args:    cli.NoArgs,
		Formats: []string{"table", "csv", "json", "yaml", "name"},
		Run: func(*cobra.Command, []string) error {
			file, err := clientFile(app)
			if err != nil {
				return err
			}

			rows := []contextRow{}
			for _, name := range file.Names() {
				rows = append(rows, newContextRow(file, name))
			}

			switch encode := app.Style.Encoder(); {
			case encode != nil:
				return encode(app.Out, struct {
					Contexts []contextRow `json:"contexts"`
				}{rows})
			case app.Style.Names():
				_, err := fmt.Fprint(app.Out, strings.Join(append(file.Names(), ""), "\n"))
				return err
			case app.Style.Format == "csv":
				return format.CSV(app.Out, columns, rows, app.Style)
			}

			return format.Table(app.Out, columns, rows, app.Style)
		},
	})
}

func showContext(app *cli.App) *cobra.Command {
	return app.Command(cli.Verb{
		Use:     "show [NAME] [flags]",
		Short:   "Show a context, or the one in use; its token is not printed",
		Example: "  tapctl config show\n  tapctl config show lab -o yaml",
		Args:    cobra.MaximumNArgs(1),
		Formats: []string{"table", "json", "yaml"},
		Run: func(_ *cobra.Command, args []string) error {
			file, err := clientFile(app)
			if err != nil {
				return err
			}

			name := file.Current
			if len(args) == 1 {
				name = args[0]
			}
			if name == "" {
				return advice.New("name one, or choose one with tapctl config use",
					"no context is in use")
			}
			if err := checkContext(file, name); err != nil {
				return err
			}

			context := file.Contexts[name]
			if context.Token != "" {
				context.Token = "REDACTED"
			}

			shown := struct {
				Name string `json:"name"`
				profile.Context
			}{name, context}

			if encode := app.Style.Encoder(); encode != nil {
				return encode(app.Out, shown)
			}

			return format.Fields(app.Out, shown, nil)
		},
	})
}

func setContext(app *cli.App) *cobra.Command {
	return app.Command(cli.Verb{
		Use:   "set NAME [--server URL[,URL]...] [--token-file FILE] [flags]",
		Short: "Create or change a context from the connection flags that are given",
		Example: `  tapctl config set lab --server https://10.0.0.5:8640 --token-file t --ca-file ca
  tapctl config set lab --server https://10.0.0.5:8640,https://10.0.0.6:8640`,
		Args: cli.OneArg("NAME"),
		Run: func(cmd *cobra.Command, args []string) error {
			err := cli.RequireAny(cmd, "server", "token", "token-file", "ca-file", "cert-file",
				"key-file")
			if err != nil {
				return err
			}

			file, err := clientFile(app)
			if err != nil {
				return err
			}

			context, err := mergeContext(file.Contexts[args[0]], app.GivenContext())
			if err != nil {
				return err
			}

			file.Contexts[args[0]] = context
			if file.Current == "" {
				file.Current = args[0] // The first one is the one to use.
			}
			if err := writeClientFile(app, file); err != nil {
				return err
			}

			_, err = fmt.Fprintf(app.Out, "context %q is set\n", args[0])
			return err
		},
	})
}

// mergeContext is a context with what is given changed. Files must exist, and are kept by their
// absolute paths.
func mergeContext(context, given profile.Context) (profile.Context, error) {
	if len(given.Servers) > 0 {
		context.Servers = given.Servers
	}
	if given.Token != "" || given.TokenFile != "" {
		context.Token, context.TokenFile = given.Token, ""
	}

	for _, file := range []struct {
		to   *string
		path string
	}{
		{&context.TokenFile, given.TokenFile},
		{&context.CAFile, given.CAFile},
		{&context.CertFile, given.CertFile},
		{&context.KeyFile, given.KeyFile},
	} {
		if file.path == "" {
			continue
		}

		path, err := filepath.Abs(file.path)
		if err == nil {
			_, err = os.Stat(path)
		}

		if err != nil {
			return profile.Context{}, &advice.Error{Err: err, Next: "name a file that exists"}
		}

		*file.to = path
	}

	return context, nil
}

func deleteContext(app *cli.App) *cobra.Command {
	return app.Command(cli.Verb{
		Use:     "delete NAME",
		Short:   "Delete a context",
		Example: "  tapctl config delete lab",
		Args:    cli.OneArg("NAME"),
		Run: func(_ *cobra.Command, args []string) error {
			file, err := clientFile(app)
			if err != nil {
				return err
			}

			if err := checkContext(file, args[0]); err != nil {
				return err
			}

			delete(file.Contexts, args[0])
			if file.Current == args[0] {
				file.Current = ""
			}
			if err := writeClientFile(app, file); err != nil {
				return err
			}

			_, err = fmt.Fprintf(app.Out, "context %q deleted\n", args[0])
			return err
		},
	})
}
