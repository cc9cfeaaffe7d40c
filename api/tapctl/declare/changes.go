package declare

import (
	"fmt"
	"io"
	"strings"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/desired"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// writeChanges prints the changes that were made or, of a dry run, would be made.
func writeChanges(app *cli.App, set string, changes []*desired.Change, dryRun bool) error {
	if encode := app.Style.Encoder(); encode != nil {
		if changes == nil {
			changes = []*desired.Change{}
		}
		return encode(app.Out, struct {
			Set     string            `json:"set"`
			DryRun  bool              `json:"dry_run"`
			Changes []*desired.Change `json:"changes"`
		}{set, dryRun, changes})
	}

	var b strings.Builder
	for _, c := range changes {
		if dryRun {
			writeDifference(&b, c)
		} else {
			fmt.Fprintf(&b, "%s %s%s\n", title(c), pastTense(c.Action), changedFields(c))
		}
	}

	if dryRun {
		b.WriteString(summary(changes))
	}

	_, err := io.WriteString(app.Out, b.String())
	return err
}

// title is KIND/NAME.
func title(c *desired.Change) string { return kind.Word(c.Kind) + "/" + format.Printable(c.Name) }

func pastTense(action string) string {
	if action == desired.Unchanged {
		return action
	}
	return action + "d"
}

// changedFields names the fields of an update.
func changedFields(c *desired.Change) string {
	if c.Action != desired.Update && c.Action != desired.Replace {
		return ""
	}

	var names []string
	for _, f := range c.Fields {
		names = append(names, f.Name)
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// writeDifference writes a change and its fields. What is unchanged is left out.
func writeDifference(b *strings.Builder, c *desired.Change) {
	signs := map[string]string{
		desired.Create: "+", desired.Update: "~", desired.Replace: "-/+", desired.Delete: "-",
	}

	sign, ok := signs[c.Action]
	if !ok {
		return
	}

	fmt.Fprintf(b, "%s %s %s\n", sign, title(c), c.Action)
	for _, f := range c.Fields {
		value := format.Printable(desired.Text(f.Is))
		if c.Action != desired.Create {
			value = format.Printable(desired.Text(f.Was)) + " -> " + value
		}
		fmt.Fprintf(b, "    %s: %s\n", f.Name, value)
	}
}

// summary counts changes by action.
func summary(changes []*desired.Change) string {
	counts := map[string]int{}
	for _, c := range changes {
		counts[c.Action]++
	}

	if counts[desired.Unchanged] == len(changes) {
		return "no difference\n"
	}
	return fmt.Sprintf("%d to create, %d to update, %d to replace, %d to delete, %d unchanged; "+
		"nothing was changed\n", counts[desired.Create], counts[desired.Update],
		counts[desired.Replace], counts[desired.Delete], counts[desired.Unchanged])
}
