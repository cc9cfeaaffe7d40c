package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
)

// resource are the verbs of package client that every kind has.
type resource[T, L any] interface {
	List(ctx context.Context, opts ...client.Option) (L, error)
	Get(ctx context.Context, ref string, opts ...client.Option) (T, error)
	Delete(ctx context.Context, ref string, opts ...client.Option) error
}

// switchable are the verbs of kinds that are enabled and disabled.
type switchable[T, L any] interface {
	List(ctx context.Context, opts ...client.Option) (L, error)
	Enable(ctx context.Context, ref string, opts ...client.Option) (T, error)
	Disable(ctx context.Context, ref string, opts ...client.Option) (T, error)
}

// filter is a flag of a list command, and the parameter that it sets; one that orders as well.
type filter struct{ flag, param, help string }

func appliedBy() filter { return filter{"applied-by", "applied_by", "apply set"} }

func plural(noun string) string { return noun + "s" }

// listCommand lists resources, with flags for the filters that the server knows.
func listCommand[T, L any](a *App, k kind[T, L], of func(*client.Client) resource[T, L], filters ...filter) *cobra.Command {
	var limit, offset int
	var orderBy string
	var descending bool
	cmd := a.command(k.word+"-list [flags]", "List "+plural(k.noun),
		fmt.Sprintf("  tapctl %[1]s-list\n  tapctl %[1]s-list -o wide\n  tapctl %[1]s-list --order-by name --limit 20 -o json", k.word),
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			var opts []client.Option
			for _, f := range filters {
				if !cmd.Flags().Changed(f.flag) {
					continue
				}
				value := cmd.Flags().Lookup(f.flag).Value.String()
				if f.flag == "direction" {
					value = strings.ToUpper(value)
				}
				opts = append(opts, client.Where(f.param, value))
			}
			if orderBy != "" {
				opts = append(opts, client.OrderBy(orderBy, descending))
			}
			if limit != 0 || offset != 0 {
				opts = append(opts, client.Page(limit, offset))
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			list, err := of(c).List(cmd.Context(), opts...)
			if err != nil {
				return err
			}
			return k.printList(a, list)
		})
	cmd.GroupID = k.word
	for _, f := range filters {
		help := "only with this " + f.help
		if strings.HasPrefix(f.param, "order_by") {
			help = f.help
		}
		cmd.Flags().String(f.flag, "", help)
	}
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many; 0 is all")
	cmd.Flags().IntVar(&offset, "offset", 0, "skip so many")
	cmd.Flags().StringVar(&orderBy, "order-by", "", "order by this field")
	cmd.Flags().BoolVar(&descending, "descending", false, "with --order-by: from the last to the first")
	return cmd
}

func showCommand[T, L any](a *App, k kind[T, L], of func(*client.Client) resource[T, L]) *cobra.Command {
	cmd := a.command(k.word+"-show ID [flags]", "Show a "+k.noun,
		fmt.Sprintf("  tapctl %[1]s-show NAME\n  tapctl %[1]s-show NAME -o yaml", k.word),
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			v, err := of(c).Get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return k.print(a, v)
		})
	cmd.GroupID = k.word
	return cmd
}

func deleteCommand[T, L any](a *App, k kind[T, L], of func(*client.Client) resource[T, L]) *cobra.Command {
	cmd := a.waits(a.command(k.word+"-delete ID... [flags]", "Delete "+plural(k.noun),
		fmt.Sprintf("  tapctl %[1]s-delete NAME\n  tapctl %[1]s-delete NAME ANOTHER", k.word),
		cobra.MinimumNArgs(1), func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			return a.each(cmd, args, func(ref string) error {
				err := of(c).Delete(cmd.Context(), ref, client.Wait(a.wait))
				if errors.Is(err, client.ErrPending) {
					a.settle(k.noun, ref, api.Pending, "it is deleted, and the switches do not show yet that they have dropped it")
					err = nil
				} else if err != nil {
					return err
				}
				f := formats()[a.output]
				switch {
				case f.ids:
					_, err = fmt.Fprintln(a.Out, ref)
				case f.encode == nil: // there is no object to encode
					_, err = fmt.Fprintf(a.Out, "%s %q deleted\n", k.noun, ref)
				}
				return err
			})
		}))
	cmd.GroupID = k.word
	return cmd
}

// switchCommands are enable and disable.
func switchCommands[T, L any](a *App, k kind[T, L], of func(*client.Client) switchable[T, L]) []*cobra.Command {
	var out []*cobra.Command
	for _, verb := range []struct{ word, short string }{{"enable", "Enable "}, {"disable", "Disable "}} {
		var all bool
		cmd := a.waits(a.command(k.word+"-"+verb.word+" ID... [flags]", verb.short+plural(k.noun),
			fmt.Sprintf("  tapctl %[1]s-%[2]s NAME\n  tapctl %[1]s-%[2]s NAME ANOTHER --wait 10s\n  tapctl %[1]s-%[2]s --all", k.word, verb.word),
			cobra.ArbitraryArgs, func(cmd *cobra.Command, args []string) error {
				switch {
				case all && len(args) > 0:
					return usage("--all goes without ids")
				case !all && len(args) == 0:
					return usage("requires at least 1 arg(s), or --all")
				}
				c, err := a.client()
				if err != nil {
					return err
				}
				if all {
					list, err := of(c).List(cmd.Context())
					if err != nil {
						return err
					}
					for _, v := range k.items(list) {
						args = append(args, k.id(v))
					}
				}
				act := of(c).Enable
				if verb.word == "disable" {
					act = of(c).Disable
				}
				var done []T
				failed := a.each(cmd, args, func(ref string) error {
					v, err := act(cmd.Context(), ref, client.Wait(a.wait))
					if err == nil {
						done = append(done, v)
					}
					return err
				})
				if err := k.print(a, done...); err != nil {
					return err
				}
				for _, v := range done {
					k.settle(a, v)
				}
				return failed
			}))
		cmd.Flags().BoolVar(&all, "all", false, verb.word+" all "+plural(k.noun))
		cmd.GroupID = k.word
		out = append(out, cmd)
	}
	return out
}

// each does something with every argument; one that fails is told and does not keep the others from being tried.
func (a *App) each(cmd *cobra.Command, args []string, do func(ref string) error) error {
	var failed error
	for _, ref := range args {
		err := do(ref)
		if err == nil {
			continue
		}
		if len(args) == 1 || errors.Is(err, context.Canceled) {
			return err
		}
		a.explain(cmd.CommandPath()+": "+printable(ref), err)
		a.suggest(cmd.Context(), err)
		failed = errTold
	}
	return failed
}

// written prints what a create or an update answered.
func (k kind[T, L]) written(a *App, v T, err error) error {
	if err != nil {
		return err
	}
	if err := k.print(a, v); err != nil {
		return err
	}
	k.settle(a, v)
	return nil
}

// given is a pointer to the value of a flag that was given, else nil.
func given[V any](cmd *cobra.Command, flag string, value V) *V {
	if !cmd.Flags().Changed(flag) {
		return nil
	}
	return &value
}

// anyGiven fails if none of the flags of an update was given.
func anyGiven(cmd *cobra.Command, flags ...string) error {
	for _, f := range flags {
		if cmd.Flags().Changed(f) {
			return nil
		}
	}
	return usage("nothing is given to change: want some of --%s", strings.Join(flags, ", --"))
}

// pair splits NAME=VALUE; the value may be empty only where that removes something.
func pair(flag, s, form string, mayBeEmpty bool) (name, value string, err error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" || (value == "" && !mayBeEmpty) {
		return "", "", usage("--%s %q is malformed: want %s", flag, s, form)
	}
	return name, value, nil
}

func needs(cmd *cobra.Command, flags ...string) {
	for _, f := range flags {
		if err := cmd.MarkFlagRequired(f); err != nil {
			panic(err) // the command has no such flag
		}
	}
}
