package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Verb describes a command.
type Verb struct {
	Use     string
	Short   string
	Long    string // "" for Short
	Example string
	Group   string // id of its group in the help of the root command; "" for none
	Args    cobra.PositionalArgs
	Formats []string // its own output formats, the default first; nil for the usual ones
	Run     func(cmd *cobra.Command, args []string) error
}

// formatsKey is the annotation of a command that has output formats of its own.
const formatsKey = "formats"

// Formats are the output formats of a command, the default first.
func Formats(cmd *cobra.Command) []string {
	if own := cmd.Annotations[formatsKey]; own != "" {
		return strings.Split(own, ",")
	}
	return []string{"table", "wide", "csv", "json", "yaml", "id", "name"}
}

// Command makes a command that runs its verb once the command line is known to be right.
func (a *App) Command(v Verb) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   v.Use,
		Short:                 v.Short,
		Long:                  v.Long,
		Example:               v.Example,
		GroupID:               v.Group,
		Args:                  v.Args,
		PreRunE:               checkRequired,
		DisableFlagsInUseLine: true,
	}

	if len(v.Formats) > 0 {
		cmd.Annotations = map[string]string{formatsKey: strings.Join(v.Formats, ",")}
	}

	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := a.checkFormat(cmd); err != nil {
			return err
		}
		if err := checkNotEmpty(cmd, args); err != nil {
			return err
		}
		a.started = true
		return v.Run(cmd, args)
	}

	return cmd
}

// checkFormat checks --output, which means the command's own default where it is not given.
func (a *App) checkFormat(cmd *cobra.Command) error {
	known := Formats(cmd)
	if cmd.Annotations[formatsKey] != "" && !cmd.Flags().Changed("output") {
		a.Style.Format = known[0]
	}

	if err := a.Style.Check(known); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}

// checkNotEmpty refuses empty values. Most often an empty value is a variable that a script has
// left unset, and it must not come to mean "any".
func checkNotEmpty(cmd *cobra.Command, args []string) error {
	for i, arg := range args {
		if arg == "" {
			return fmt.Errorf("argument %d is empty", i+1)
		}
	}

	var err error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if err == nil && f.Value.Type() == "string" && f.Value.String() == "" {
			err = fmt.Errorf("--%s is given but empty", f.Name)
		}
	})

	return err
}

// Waits adds flag --wait to a command that changes something.
func (a *App) Waits(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().DurationVar(&a.Wait, "wait", 0,
		"wait up to this long, such as 10s, for it to leave pending; exit 3 if it is still "+
			"pending, 1 if it is in error")
	return cmd
}

// WaitsForRemoval adds flag --wait to a command that deletes something.
func (a *App) WaitsForRemoval(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().DurationVar(&a.Wait, "wait", 0,
		"wait up to this long, such as 10s, until nothing of it is left on any switch; exit 3 if "+
			"something may be (2s if not given)")
	return cmd
}
