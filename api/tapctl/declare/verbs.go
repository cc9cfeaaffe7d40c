package declare

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/cloud"
	"github.com/tapline-sdn/tapline/api/tapctl/desired"
)

// Verbs returns the commands of this package. Verb plan runs other verbs: it gets a root command
// for an App from newRoot.
func Verbs(app *cli.App, newRoot func(*cli.App) *cobra.Command) []*cobra.Command {
	return []*cobra.Command{apply(app), diff(app), remove(app), export(app), plan(app, newRoot)}
}

// defaultSet is the apply set of documents that are applied without --set.
const defaultSet = "default"

// documentHelp describes documents in the help of the verbs that take them.
const documentHelp = `A document describes a resource: its kind (host, guest, tap_service or
tap_flow), its name, and fields of the API, as export prints them. Fields that the API only shows,
such as status, are ignored. Several documents are separated by "---". A document may also be a list
of resources, an object with items, or one with hosts, guests, tap_services or tap_flows. Resources
are referred to by name or id; they may be described in the same documents. JSON works as well.

A field that a document does not have stays as it is, except that a tap flow without vlan_id or
direction mirrors all traffic. A tap flow whose source changes is replaced. The output of list -o
json works as a document too; of guests it counts those that were declared.`

// sourceFlags are the flags that apply, diff and plan share.
type sourceFlags struct {
	files []string
	set   string
	prune bool
}

// bindFiles adds flag -f alone.
func (f *sourceFlags) bindFiles(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&f.files, "filename", "f", nil,
		"file, directory, or - for standard input; may be repeated")
}

func (f *sourceFlags) bind(cmd *cobra.Command) {
	f.bindFiles(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.set, "set", defaultSet,
		"apply set that new resources belong to; --prune deletes only from it")
	flags.BoolVar(&f.prune, "prune", false,
		"also delete resources of the apply set that the documents no longer describe; "+
			"without -f, all of a --set")
}

// requireFiles fails if no documents are named.
func (f *sourceFlags) requireFiles() error {
	if len(f.files) == 0 {
		return cli.Usage("-f is missing: want a file, a directory, or -")
	}
	return nil
}

// requireSource fails if it is not said what to apply: documents or, with --prune and a --set that
// is named, none.
func (f *sourceFlags) requireSource(cmd *cobra.Command) error {
	if f.emptiesSet(cmd) {
		return nil
	}
	return f.requireFiles()
}

// emptiesSet reports whether a whole apply set is to be deleted.
func (f *sourceFlags) emptiesSet(cmd *cobra.Command) bool {
	return len(f.files) == 0 && f.prune && cmd.Flags().Changed("set")
}

// prepared is what has to be done so that the controller has what documents describe.
type prepared struct {
	client  *client.Client
	current *desired.Current // when the changes were found
	changes []*desired.Change
	steps   []desired.Step
}

// read reads documents and the controller's resources.
func (f *sourceFlags) read(
	ctx context.Context, app *cli.App,
) (p prepared, want []*desired.Resource, err error) {
	if len(f.files) > 0 {
		if want, err = desired.Read(f.files, app.In); err != nil {
			return prepared{}, nil, err
		}
	}

	p.client, err = app.Client()
	if err != nil {
		return prepared{}, nil, err
	}

	state, err := cloud.Read(ctx, p.client)
	if err != nil {
		return prepared{}, nil, err
	}

	p.current = desired.NewCurrent(state)
	return p, want, nil
}

// prepare reads documents and the controller's resources, and finds the changes.
func (f *sourceFlags) prepare(ctx context.Context, app *cli.App) (prepared, error) {
	p, want, err := f.read(ctx, app)
	if err != nil {
		return prepared{}, err
	}

	p.changes, err = desired.Compare(p.current, want, desired.Options{Set: f.set, Prune: f.prune})
	if err != nil {
		return prepared{}, err
	}

	p.steps, err = desired.Steps(p.changes, f.set)
	return p, err
}
