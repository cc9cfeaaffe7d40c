package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/client"
)

// defaultSet is the apply set of who names none.
const defaultSet = "default"

// source are the flags that apply, diff and plan share.
type sourceFlags struct {
	files []string
	set   string
	prune bool
}

func (f *sourceFlags) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.files, "filename", "f", nil, "file, directory, or - for standard input; may be repeated")
	flags.StringVar(&f.set, "set", defaultSet, "apply set: whatever an apply makes belongs to it, and --prune deletes only from it")
	flags.BoolVar(&f.prune, "prune", false, "also delete what an earlier apply of this set made and the documents no longer have")
}

const documentHelp = `A document is a resource with a kind, host, guest, tap_service or tap_flow, a name, and the fields of the API (export shows them;
what the API only tells, such as status, is ignored). Several documents are parted by "---"; a document may also be a list of
resources, an object with items, or one with hosts, guests, tap_services or tap_flows. Other resources are named by name or id,
also those of the same documents. JSON will do as well.

What a document does not say stays as it is, except that a tap flow without vlan_id or direction mirrors all of it. A tap flow whose
source is another is replaced. What list -o json prints will do as well; of guests, those that were declared.`

func (a *App) addApply(root *cobra.Command) {
	var f sourceFlags
	var dry string
	cmd := a.waits(a.command("apply -f FILE|-|DIR... [flags]", "Bring resources to what files say",
		`  tapctl apply -f lab.yaml
  tapctl apply -f lab.yaml --dry-run
  tapctl apply -f mirrors/ --set mirrors --prune --wait 1m
  tapctl export | ssh other tapctl apply -f -

  # lab.yaml
  kind: tap_service
  name: ids
  type: guest
  target_id: ids-vm
  enabled: true
  ---
  kind: tap_flow
  name: web-in
  type: vnic
  guest_id: web-vm
  direction: IN
  tap_id: ids`,
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			if len(f.files) == 0 {
				return usage("-f is missing: want a file, a directory, or -")
			}
			dryRun := slices.Contains([]string{"true", "client", "server"}, dry)
			if !dryRun && dry != "false" && dry != "none" {
				return usage("--dry-run %q is not known: want true or false", dry)
			}
			return a.apply(cmd.Context(), f, dryRun)
		}))
	cmd.Long = `Bring resources to what files say. All documents are looked at, here and by the controller, before the first change: if one
is bad nothing is changed. Applied again, everything is "unchanged". What somebody else changes in the same moment is not overwritten:
then apply ends with an error, and is to be run again.

` + documentHelp + `

Whatever apply makes carries the name of its apply set in applied_by. With --prune what an earlier apply of the same set made, and
the documents no longer have, is deleted; what was made in any other way never is. Who applies several files on their own
gives each a --set.`
	f.bind(cmd)
	cmd.Flags().StringVar(&dry, "dry-run", "false", "show what would be changed, and change nothing")
	cmd.Flags().Lookup("dry-run").NoOptDefVal = "true"
	a.writes(cmd, "text", "json", "yaml")
	root.AddCommand(cmd)
}

func (a *App) addDiff(root *cobra.Command) {
	var f sourceFlags
	cmd := a.command("diff -f FILE|-|DIR... [flags]", "Show what apply would change",
		`  tapctl diff -f lab.yaml
  tapctl diff -f mirrors/ --set mirrors --prune
  tapctl diff -f lab.yaml >/dev/null || tapctl apply -f lab.yaml`,
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			a.trouble = 2
			if len(f.files) == 0 {
				return usage("-f is missing: want a file, a directory, or -")
			}
			p, err := a.prepare(cmd.Context(), f)
			if err != nil {
				return err
			}
			if _, err := try(cmd.Context(), p.client, p.steps); err != nil {
				return err
			}
			if len(p.steps) > 0 {
				a.outcome = 1
			}
			return a.writeChanges(f.set, p.changes, true)
		})
	cmd.Long = `Show what apply would change. Nothing is changed.

Exit codes: 0 no difference; 1 differences; 2 or more trouble, such as a bad document.

` + documentHelp
	f.bind(cmd)
	a.writes(cmd, "text", "json", "yaml")
	root.AddCommand(cmd)
}

// prepared is what is to be done so that the cloud becomes what files say.
type prepared struct {
	client  *client.Client
	seen    cloud // as it was when the changes were found
	changes []*change
	steps   []applyStep
}

// prepare reads files and tells what is to be done.
func (a *App) prepare(ctx context.Context, f sourceFlags) (p prepared, err error) {
	want, err := a.readFiles(f.files)
	if err != nil {
		return p, err
	}
	if p.client, err = a.client(); err != nil {
		return p, err
	}
	if p.seen, err = readCloud(ctx, p.client); err != nil {
		return p, err
	}
	d := &differences{stock: newStock(p.seen), want: want, set: f.set, prune: f.prune}
	if p.changes, err = d.changes(); err != nil {
		return p, err
	}
	p.steps, err = steps(p.changes, f.set)
	return p, err
}

func (a *App) apply(ctx context.Context, f sourceFlags, dryRun bool) error {
	p, err := a.prepare(ctx, f)
	if err != nil {
		return err
	}
	if _, err := try(ctx, p.client, p.steps); err != nil {
		return err
	}
	if dryRun {
		return a.writeChanges(f.set, p.changes, true)
	}
	if err := hold(ctx, p.client, p.seen, p.steps); err != nil {
		return err
	}
	for i, st := range p.steps {
		if err := st.do(ctx, p.client); err != nil {
			if i > 0 {
				fmt.Fprintf(a.Err, "%d of %d changes were made; apply again to make the others\n", i, len(p.steps))
			}
			return fmt.Errorf("%s %q: %w", noun(st.Kind), printable(st.of.Name), err)
		}
	}
	if err := a.writeChanges(f.set, p.changes, false); err != nil {
		return err
	}
	return a.awaitApplied(ctx, p.client, p.changes)
}

// awaitApplied waits until what was applied has come to what it is to be.
func (a *App) awaitApplied(ctx context.Context, c *client.Client, changes []*change) error {
	if a.wait == 0 {
		return nil
	}
	var targets []*target
	for _, ch := range changes {
		k, _ := findKind(ch.Kind)
		if ch.Action == "delete" || ch.Kind == "guest" {
			continue
		}
		o, err := k.get(ctx, c, ch.Name)
		if err != nil {
			return err
		}
		if o.status != "disabled" {
			targets = append(targets, &target{kind: k, ref: o.id, name: o.name})
		}
	}
	out := a.Out
	a.Out = io.Discard // What was applied is told already.
	defer func() { a.Out = out }()
	return a.await(ctx, c, targets, "ready", min(a.wait, 24*time.Hour))
}

// writeChanges tells what is to be done, or was done.
func (a *App) writeChanges(set string, changes []*change, dryRun bool) error {
	if f := formats()[a.output]; f.encode != nil {
		if changes == nil {
			changes = []*change{}
		}
		return f.encode(a.Out, struct {
			Set     string    `json:"set"`
			DryRun  bool      `json:"dry_run"`
			Changes []*change `json:"changes"`
		}{set, dryRun, changes})
	}
	var b strings.Builder
	counts := map[string]int{}
	for _, c := range changes {
		counts[c.Action]++
		if dryRun {
			c.write(&b)
			continue
		}
		fmt.Fprintf(&b, "%s/%s %s%s\n", strings.ReplaceAll(c.Kind, "_", "-"), printable(c.Name), done(c.Action), c.changed())
	}
	if dryRun {
		if counts["unchanged"] == len(changes) {
			b.WriteString("no difference\n")
		} else {
			fmt.Fprintf(&b, "%d to create, %d to update, %d to replace, %d to delete, %d unchanged; nothing was changed\n",
				counts["create"], counts["update"], counts["replace"], counts["delete"], counts["unchanged"])
		}
	}
	_, err := io.WriteString(a.Out, b.String())
	return err
}

func done(action string) string {
	if action == "unchanged" {
		return action
	}
	return action + "d"
}

// changed names the fields of an update.
func (c *change) changed() string {
	if c.Action != "update" && c.Action != "replace" {
		return ""
	}
	var names []string
	for _, f := range c.Fields {
		names = append(names, f.Name)
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// write writes a change, if it is one, and its fields.
func (c *change) write(b *strings.Builder) {
	signs := map[string]string{"create": "+", "update": "~", "replace": "-/+", "delete": "-"}
	sign, changes := signs[c.Action]
	if !changes {
		return
	}
	fmt.Fprintf(b, "%s %s/%s %s\n", sign, strings.ReplaceAll(c.Kind, "_", "-"), printable(c.Name), c.Action)
	for _, f := range c.Fields {
		if c.Action == "create" {
			fmt.Fprintf(b, "    %s: %s\n", f.Name, printable(plainText(f.Is)))
			continue
		}
		fmt.Fprintf(b, "    %s: %s -> %s\n", f.Name, printable(plainText(f.Was)), printable(plainText(f.Is)))
	}
}

// explainDocuments prints what is wrong with files.
func (a *App) explainDocuments(path string, err error) bool {
	var wrong *documentErrors
	if !errors.As(err, &wrong) {
		return false
	}
	for _, e := range wrong.Errors {
		fmt.Fprintf(a.Err, "%s: %s\n", path, printable(e.Error()))
	}
	fmt.Fprintf(a.Err, "  next: correct the documents; nothing was changed\n")
	return true
}
