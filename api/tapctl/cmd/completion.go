package cmd

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
	"github.com/tapline-sdn/tapline/api/tapctl/observe"
	"github.com/tapline-sdn/tapline/api/tapctl/profile"
)

const completionHelp = `Print a script that completes commands, flags, and the names of resources.

For bash the package bash-completion has to be installed. Names are read from the controller with
the token that tapctl finds. If it does not answer within 2 seconds, there are none.`

// completion is the command that prints completion scripts. Cobra's own has no examples of ours.
func completion(app *cli.App, root *cobra.Command) *cobra.Command {
	root.CompletionOptions.DisableDefaultCmd = true
	scripts := map[string]func() error{
		"bash": func() error { return root.GenBashCompletionV2(app.Out, true) },
		"zsh":  func() error { return root.GenZshCompletion(app.Out) },
		"fish": func() error { return root.GenFishCompletion(app.Out, true) },
	}

	cmd := app.Command(cli.Verb{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script that completes commands, flags and names in a shell",
		Long:  completionHelp,
		Example: `  source <(tapctl completion bash)
  tapctl completion bash > /etc/bash_completion.d/tapctl
  tapctl completion zsh > "${fpath[1]}/_tapctl"
  tapctl completion fish > ~/.config/fish/completions/tapctl.fish`,
		Args: cli.OneArg("name of the shell"),
		Run: func(_ *cobra.Command, args []string) error {
			script, ok := scripts[args[0]]
			if !ok {
				return cli.Usage("there is no completion for %q: want bash, zsh or fish", args[0])
			}
			return script()
		},
	})

	cmd.ValidArgs = []string{"bash", "zsh", "fish"}
	return cmd
}

// addCompletions gives arguments and flags their completions, by what they are called.
func addCompletions(app *cli.App, root *cobra.Command) {
	c := completer{app}
	for _, cmd := range root.Commands() {
		word, verb, _ := cutLast(cmd.Name(), "-")
		takesMany := slices.Contains([]string{"delete", "enable", "disable"}, verb)
		takesOne := verb == "show" || verb == "update"
		if _, ok := kind.Find(word); ok && (takesMany || takesOne) {
			cmd.ValidArgsFunction = c.arguments(takesMany, c.names(word))
		}

		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if propose := c.flag(word, f.Name); propose != nil {
				mustRegister(cmd, f.Name, propose)
			}
		})
	}

	for name, propose := range map[string]cobra.CompletionFunc{
		"watch": c.targets, "wait": c.targets, "topology": c.names("host"),
	} {
		if cmd, _, err := root.Find([]string{name}); err == nil {
			cmd.ValidArgsFunction = propose
		}
	}

	mustRegister(root, "context", c.contexts)
	for _, verb := range []string{"use", "show", "set", "delete"} {
		if cmd, _, err := root.Find([]string{"config", verb}); err == nil {
			cmd.ValidArgsFunction = c.arguments(false, c.contexts)
		}
	}

	mustRegister(
		root,
		"output",
		func(cmd *cobra.Command, _ []string, _ string) (completions, directive) {
			return cli.Formats(cmd), cobra.ShellCompDirectiveNoFileComp
		},
	)
}

// cutLast cuts a text around the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

func mustRegister(cmd *cobra.Command, flag string, propose cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, propose); err != nil {
		panic(err) // The command has no such flag, or the flag has a completion already.
	}
}

// What a completion function returns.
type (
	completions = []cobra.Completion
	directive   = cobra.ShellCompDirective
)

// completer proposes values for what is being typed.
type completer struct{ app *cli.App }

// flag is the completion of a flag of a kind's verb, nil if there is none.
func (c completer) flag(word, flag string) cobra.CompletionFunc {
	words := func(words ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	}

	switch flag {
	case "tap-id":
		return c.names("tap-service")
	case "accept-place":
		return c.names("host")
	case "guest-id", "host-id", "wire-id":
		return c.names(strings.TrimSuffix(flag, "-id"))
	case "target-id":
		return c.names("guest", "host")
	case "for":
		if word == "wait" {
			return words(observe.Goals...)
		}
	}

	field := strings.ReplaceAll(flag, "-", "_")
	if accepted := kind.WordsOf(word, field); accepted != nil {
		return words(accepted...)
	}

	return nil
}

// arguments proposes one argument, or many without repeating any.
func (c completer) arguments(many bool, propose cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) (completions, directive) {
		if !many && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}

		all, how := propose(cmd, args, typed)
		return slices.DeleteFunc(all, func(completion string) bool {
			ref, _, _ := strings.Cut(completion, "\t")
			return slices.Contains(args, ref)
		}), how
	}
}

// names proposes the resources of some kinds: by id if an id is being typed, else by name.
func (c completer) names(words ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) (completions, directive) {
		var out []string
		for _, word := range words {
			for _, o := range c.lookup(cmd, word) {
				ref := shellRef(o)
				if !strings.HasPrefix(ref, typed) {
					ref = o.ID
				}
				if strings.HasPrefix(ref, typed) {
					out = append(out, describe(ref, o))
				}
			}
		}

		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// targets proposes KIND/NAME or, behind a kind of its own, names.
func (c completer) targets(
	cmd *cobra.Command, args []string, typed string,
) (completions, directive) {
	if len(args) > 0 && !strings.Contains(args[0], "/") {
		return c.names(args[0])(cmd, args, typed)
	}

	var out []string
	word, _, hasKind := strings.Cut(typed, "/")
	if !hasKind {
		for _, word := range kind.Words() {
			out = append(out, word+"/")
		}
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}

	for _, o := range c.lookup(cmd, word) {
		out = append(out, describe(word+"/"+shellRef(o), o))
	}

	return out, cobra.ShellCompDirectiveNoFileComp
}

// contexts proposes the contexts of the client file.
func (c completer) contexts(_ *cobra.Command, _ []string, _ string) (completions, directive) {
	file, err := profile.Read(profile.Path(c.app.Env))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return file.Names(), cobra.ShellCompDirectiveNoFileComp
}

func (c completer) lookup(cmd *cobra.Command, word string) []kind.Object {
	k, ok := kind.Find(word)
	if !ok {
		return nil
	}
	return c.app.Lookup(cmd.Context(), k)
}

// shellRef is what a resource is called on a command line: its name, or its id if a shell would
// need quotes around the name.
func shellRef(o kind.Object) string {
	needsQuotes := strings.ContainsFunc(o.Name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._:%+-", r)
	})
	if needsQuotes {
		return o.ID
	}
	return o.Name
}

// describe is a completion with a description.
func describe(ref string, o kind.Object) string {
	text := o.Kind.Noun
	if shellRef(o) != o.Name {
		text += " " + format.Printable(o.Name)
	}
	if o.Health.Status != "" {
		text = fmt.Sprintf("%s, %s", text, o.Health.Status)
	}
	return cobra.CompletionWithDesc(format.Printable(ref), text)
}
