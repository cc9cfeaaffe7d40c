package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/controller/store/dump"
)

func storeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Back up, restore, move and check the store of a controller",
		Long: `Back up, restore, move and check the store of a controller: the file tapline.db
in its data directory, or what it keeps in etcd. The store is the one of the
configuration.`,
	}
	cmd.AddCommand(storeExport(), storeImport(), storeCopy(), storeVerify(), storeAccept())
	return cmd
}

// storeFlags name a store.
type storeFlags struct{ file, dataDir string }

func (f *storeFlags) add(flags *pflag.FlagSet, prefix, whose string) {
	flags.StringVar(&f.file, prefix+"config", "",
		"configuration `FILE` "+whose+" (default: none, with the default of every setting)")
	flags.StringVar(&f.dataDir, prefix+"data-dir", "",
		"data directory `DIR` "+whose+" (default: data_dir of the configuration)")
}

// config returns the configuration that names the store.
func (f *storeFlags) config() (*config.Config, error) {
	serve := serveFlags{file: f.file, dataDir: f.dataDir}
	return serve.config()
}

func storeExport() *cobra.Command {
	var from storeFlags
	cmd := &cobra.Command{
		Use:   "export FILE|-",
		Short: "Write the content of the store to a file, also while the controller runs",
		Long: `Write the content of the store to a file, or to standard output. The controller may
run meanwhile. The file has one JSON document a line: a header, and then the records. It
has the secret of the cluster and the digests of tokens, so only you may read it.`,
		Example: `  tapline store export --config /etc/tapline/tapline.yaml backup.jsonl`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := from.config()
			if err != nil {
				return err
			}
			state, err := readStore(cmd.Context(), c, storeLogger(cmd, c))
			if err != nil {
				return err
			}

			if args[0] == "-" {
				return dump.Write(cmd.OutOrStdout(), state, time.Now())
			}
			if err := writeDump(args[0], state); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d records at revision %d\n",
				args[0], len(state.Records), state.Revision)
			return nil
		},
	}
	from.add(cmd.Flags(), "", "of the store")
	return cmd
}

// writeDump writes a file that only its owner can read. The file appears when it is whole.
func writeDump(path string, state store.State) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}

	err = dump.Write(file, state, time.Now())
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

func storeImport() *cobra.Command {
	var to storeFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Make the content of a file that of the store, while no controller runs",
		Long: `Make the content of a file of "tapline store export" that of the store. No controller
may have the store open.

It says first what becomes of the objects that are there, and asks. An older file brings
back what was deleted since: tap flows and services, which mirror again once the
controller runs, and tokens that were revoked. The file of a bbolt store that is replaced
is kept as tapline.db.before.`,
		Example: `  tapline store import --config /etc/tapline/tapline.yaml backup.jsonl`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := to.config()
			if err != nil {
				return err
			}
			if args[0] == "-" && !yes {
				return usageError{errors.New("with -, nobody can be asked: want --yes")}
			}
			state, err := readDump(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			return bringIn(cmd, c, state, yes)
		},
	}
	to.add(cmd.Flags(), "", "of the store")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// readDump reads a file, or standard input for "-".
func readDump(stdin io.Reader, path string) (store.State, error) {
	if path == "-" {
		return dump.Read(stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return store.State{}, err
	}
	defer func() { _ = file.Close() }()

	state, err := dump.Read(file)
	if err != nil {
		return store.State{}, fmt.Errorf("%s: %w", path, err)
	}
	return state, nil
}

func storeCopy() *cobra.Command {
	var from, to storeFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "copy",
		Short: "Copy the content of the store to another store",
		Long: `Copy the content of the store to the store of another configuration, as from bbolt to
etcd and back. Stop the controller first: what it writes after the copy is not in the
other store, and only one of the two stores may be used afterwards.

It says first what becomes of the objects that are in the other store, and asks.`,
		Example: `  tapline store copy --config tapline.yaml --to-config tapline-etcd.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == (storeFlags{}) {
				return usageError{errors.New("want --to-config or --to-data-dir")}
			}
			source, err := from.config()
			if err != nil {
				return err
			}
			target, err := to.config()
			if err != nil {
				return err
			}
			if storePlace(source) == storePlace(target) {
				return usageError{fmt.Errorf("both stores are %s", storePlace(source))}
			}

			state, err := readStore(cmd.Context(), source, storeLogger(cmd, source))
			if err != nil {
				return err
			}
			return bringIn(cmd, target, state, yes)
		},
	}
	from.add(cmd.Flags(), "", "of the store")
	to.add(cmd.Flags(), "to-", "of the other store")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// storePlace says where the store of a configuration is.
func storePlace(c *config.Config) string {
	if c.Store.Driver == config.DriverBbolt {
		return boltPath(c)
	}
	prefix := c.Store.Prefix
	if prefix == "" {
		prefix = "/tapline"
	}
	return prefix + " at " + strings.Join(c.Store.Endpoints, ", ")
}

// bringIn replaces the content of a store, after a question if that changes objects.
func bringIn(cmd *cobra.Command, c *config.Config, state store.State, yes bool) error {
	ctx, out, log := cmd.Context(), cmd.OutOrStdout(), storeLogger(cmd, c)
	faults := dump.Verify(state)
	for _, fault := range faults {
		fmt.Fprintln(out, "not whole:", fault)
	}

	ask := len(faults) > 0
	have, err := presentContent(ctx, c, log)
	if err != nil {
		return err
	}
	if have != nil {
		change := dump.Compare(*have, state)
		change.Print(out)
		ask = ask || !change.IsZero()
	}
	if ask && !yes && !confirm(cmd, storePlace(c)) {
		return errors.New("nothing was changed")
	}

	if err := replaceStore(ctx, c, state, log); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d records\n", storePlace(c), len(state.Records))
	return nil
}

// presentContent returns what is in a store that is to be replaced, or nil if it has no records.
func presentContent(
	ctx context.Context, c *config.Config, log *slog.Logger,
) (*store.State, error) {
	have, err := readStore(ctx, c, log)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, store.ErrNone):
		return nil, nil
	case err != nil:
		return nil, err
	case len(have.Records) == 0:
		return nil, nil
	}
	return &have, nil
}

// confirm asks whether a store is to be changed.
func confirm(cmd *cobra.Command, place string) bool {
	return confirmed(cmd, "Replace the content of "+place+"?")
}

// confirmed asks a question.
func confirmed(cmd *cobra.Command, question string) bool {
	fmt.Fprint(cmd.OutOrStdout(), question, " [yes/no] ")
	answer, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	return strings.TrimSpace(answer) == "yes"
}

func storeVerify() *cobra.Command {
	var from storeFlags
	cmd := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Check that the store, or a file of tapline store export, is whole",
		Long: `Read everything in the store, or in a file, and check that each record can be
read and that what it refers to is there. The controller may run. The exit code is 1
if something is wrong.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var state store.State
			var err error
			if len(args) == 1 {
				state, err = readDump(cmd.InOrStdin(), args[0])
			} else {
				var c *config.Config
				if c, err = from.config(); err == nil {
					state, err = readStore(cmd.Context(), c, storeLogger(cmd, c))
				}
			}
			if err != nil {
				return err
			}

			faults := dump.Verify(state)
			for _, fault := range faults {
				fmt.Fprintln(cmd.OutOrStdout(), fault)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d records at revision %d, cluster %s\n",
				len(state.Records), state.Revision, state.ClusterID)
			if len(faults) > 0 {
				return errors.New("the store is not whole")
			}
			return nil
		},
	}
	from.add(cmd.Flags(), "", "of the store")
	return cmd
}

func storeLogger(cmd *cobra.Command, c *config.Config) *slog.Logger {
	return newLogger(cmd.ErrOrStderr(), c.Log)
}
