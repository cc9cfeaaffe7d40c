package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// addCompletion replaces cobra's own command, which knows no examples of ours.
func (a *App) addCompletion(root *cobra.Command) {
	root.CompletionOptions.DisableDefaultCmd = true
	shells := map[string]func() error{
		"bash": func() error { return root.GenBashCompletionV2(a.Out, true) },
		"zsh":  func() error { return root.GenZshCompletion(a.Out) },
		"fish": func() error { return root.GenFishCompletion(a.Out, true) },
	}
	cmd := a.command("completion bash|zsh|fish", "Print a script that completes commands, flags and names in a shell",
		`  source <(tapctl completion bash)
  tapctl completion bash > /etc/bash_completion.d/tapctl
  tapctl completion zsh > "${fpath[1]}/_tapctl"
  tapctl completion fish > ~/.config/fish/completions/tapctl.fish`,
		cobra.ExactArgs(1), func(_ *cobra.Command, args []string) error {
			script, ok := shells[args[0]]
			if !ok {
				return usage("there is no completion for %q: want bash, zsh or fish", args[0])
			}
			return script()
		})
	cmd.Long = `Print a script that completes commands, flags, and the names of what the controller has.

For bash the package bash-completion must be installed. Names are asked of the controller with the token that tapctl finds;
without an answer within 2 seconds there are none.`
	cmd.ValidArgs = []string{"bash", "zsh", "fish"}
	root.AddCommand(cmd)
}

// completer proposes values for what is being typed.
type completer = cobra.CompletionFunc

// completeFlags gives arguments and flags their completions, by what they are called.
func (a *App) completeFlags(root *cobra.Command) {
	words := func(words ...string) completer {
		return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	}
	booleans := words("true", "false")
	flags := map[string]completer{
		"tap-id": a.names("tap-service"), "guest-id": a.names("guest"), "host-id": a.names("host"), "wire-id": a.names("wire"),
		"target-id": a.names("guest", "host"),
		"direction": words("IN", "OUT", "BOTH"), "status": words("disabled", "pending", "ready", "error"),
		"enabled": booleans, "connected": booleans, "declared": booleans, "for": words(aims()...),
	}
	types := map[string]completer{"tap-service": words("guest", "host"), "tap-flow": words("vnic", "vswitch")}
	for _, cmd := range root.Commands() {
		word, verb := cmd.Name(), ""
		if at := strings.LastIndex(word, "-"); at > 0 {
			word, verb = word[:at], word[at+1:]
		}
		many := slices.Contains([]string{"delete", "enable", "disable"}, verb)
		if _, known := findKind(word); known && (many || verb == "show" || verb == "update") {
			cmd.ValidArgsFunction = a.arguments(many, a.names(word))
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if propose, ok := flags[f.Name]; ok {
				mustComplete(cmd, f.Name, propose)
			}
			if propose, ok := types[word]; ok && f.Name == "type" {
				mustComplete(cmd, f.Name, propose)
			}
		})
	}
	for name, propose := range map[string]completer{"watch": a.targets, "wait": a.targets, "topology": a.names("host")} {
		if cmd, _, err := root.Find([]string{name}); err == nil {
			cmd.ValidArgsFunction = propose
		}
	}
	mustComplete(root, "output", func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return outputs(cmd), cobra.ShellCompDirectiveNoFileComp
	})
}

func mustComplete(cmd *cobra.Command, flag string, propose completer) {
	if err := cmd.RegisterFlagCompletionFunc(flag, propose); err != nil {
		panic(err) // There is no such flag, or it is completed already.
	}
}

// arguments proposes only as many arguments as a command takes, none twice.
func (a *App) arguments(many bool, propose completer) completer {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if !many && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all, directive := propose(cmd, args, typed)
		return slices.DeleteFunc(all, func(c string) bool {
			name, _, _ := strings.Cut(c, "\t")
			return slices.Contains(args, name)
		}), directive
	}
}

// names proposes the names of all resources of some kinds; ids where an id is being typed.
func (a *App) names(words ...string) completer {
	return func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var out []string
		for _, word := range words {
			for _, o := range a.lookUp(cmd.Context(), word) {
				ref := o.word()
				if !strings.HasPrefix(ref, typed) && typed != "" {
					ref = o.id
				}
				if strings.HasPrefix(ref, typed) {
					out = append(out, described(ref, o))
				}
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// targets proposes KIND/NAME, or names after a kind of its own.
func (a *App) targets(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 && !strings.Contains(args[0], "/") {
		return a.names(args[0])(cmd, args, typed)
	}
	word, _, slash := strings.Cut(typed, "/")
	if !slash {
		var out []string
		for _, k := range kindWords() {
			out = append(out, k+"/")
		}
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	var out []string
	for _, o := range a.lookUp(cmd.Context(), word) {
		out = append(out, described(word+"/"+o.word(), o))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// lookUp lists what there is of a kind; nothing if the controller does not answer soon.
func (a *App) lookUp(ctx context.Context, word string) []object {
	k, found := findKind(word)
	if !found {
		return nil
	}
	c, err := a.client()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	all, err := k.list(ctx, c)
	if err != nil {
		return nil
	}
	return all
}

// word is what an object is called on a command line: its name, or its id where a shell would have to quote the name.
func (o object) word() string {
	if strings.ContainsFunc(o.name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._:%+-", r)
	}) {
		return o.id
	}
	return o.name
}

func described(ref string, o object) string {
	text := o.of.noun
	if o.word() != o.name {
		text += " " + printable(o.name)
	}
	if o.status != "" {
		text = fmt.Sprintf("%s, %s", text, o.status)
	}
	return cobra.CompletionWithDesc(printable(ref), text)
}
