package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tapline-sdn/tapline/api/tapctl/advice"
)

// usageError is a wrong command line that only the verb itself can find.
type usageError struct{ error }

// Usage is an error about the command line. It makes the exit code 2.
func Usage(message string, args ...any) error { return usageError{fmt.Errorf(message, args...)} }

// NoArgs accepts no arguments.
func NoArgs(_ *cobra.Command, args []string) error { return tooMany(args, 0) }

// OneArg accepts exactly one argument, which messages call by what.
func OneArg(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("the %s is missing", what)
		}
		return tooMany(args, 1)
	}
}

// SomeArgs accepts one argument or more.
func SomeArgs(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("the %s is missing", what)
		}
		return nil
	}
}

// tooMany fails if there are more arguments than a verb takes.
func tooMany(args []string, most int) error {
	if len(args) <= most {
		return nil
	}

	surplus := strings.Join(args[most:], " ")
	if most == 0 {
		return fmt.Errorf("%q is too much: the command takes no arguments", surplus)
	}
	return fmt.Errorf("%q is too much: the command takes one argument", surplus)
}

// checkRequired is a check, before the verb runs, that its required flags are given.
func checkRequired(cmd *cobra.Command, _ []string) error {
	var missing []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		_, required := f.Annotations[cobra.BashCompOneRequiredFlag]
		if required && !f.Changed {
			missing = append(missing, "--"+f.Name)
		}
	})

	switch len(missing) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%s is missing", missing[0])
	}

	last := len(missing) - 1
	return fmt.Errorf("%s and %s are missing", strings.Join(missing[:last], ", "), missing[last])
}

// FlagError says in words what is wrong with a flag.
func FlagError(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		value   *pflag.InvalidValueError
		noValue *pflag.ValueRequiredError
	)
	switch {
	case errors.As(err, &unknown):
		if unknown.GetSpecifiedShortnames() != "" {
			return err
		}
		name := unknown.GetSpecifiedName()
		return fmt.Errorf("there is no flag --%s%s", name,
			advice.DidYouMean("--"+name, flagNames(cmd)))

	case errors.As(err, &value):
		f := value.GetFlag()
		return fmt.Errorf("--%s: %q is not accepted: want %s",
			f.Name, value.GetValue(), typeInWords(f.Value.Type()))

	case errors.As(err, &noValue):
		f := noValue.GetFlag()
		return fmt.Errorf("--%s needs a value: want %s", f.Name, typeInWords(f.Value.Type()))
	}

	return err
}

// flagNames are the flags of a command, with their dashes.
func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	return names
}

// typeInWords says what a flag of a type of package pflag takes.
func typeInWords(flagType string) string {
	switch flagType {
	case "duration":
		return "a duration such as 10s or 1m30s"
	case "int", "count":
		return "a whole number"
	case "bool":
		return "true or false"
	case "stringSlice", "stringArray", "string":
		return "text"
	}
	return "a " + flagType
}
