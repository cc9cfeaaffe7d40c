package manage

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
)

// notesFlags are the flags of what users write down about a resource.
type notesFlags struct {
	labels      []string
	description string
}

// labelForm is how a label is written.
const labelForm = "KEY=VALUE, such as app=db"

func (f *notesFlags) bindCreate(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.labels, "label", nil,
		"KEY=VALUE of a label, by which lists select; may be repeated")
	cmd.Flags().StringVar(&f.description, "description", "", "free text")
}

func (f *notesFlags) bindUpdate(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.labels, "label", nil,
		"KEY=VALUE of a label, or KEY- to remove one; may be repeated")
	cmd.Flags().StringVar(&f.description, "description", "", "free text, or none")
}

// orNothing is the value of a flag; "none" stands for "", which flags do not accept.
func orNothing(text string) string {
	if text == "none" {
		return ""
	}
	return text
}

// create returns the notes of a resource that is being created.
func (f *notesFlags) create() (labels map[string]string, description string, err error) {
	for _, text := range f.labels {
		key, value, err := cli.Pair("label", text, labelForm, true)
		if err != nil {
			return nil, "", err
		}
		if _, twice := labels[key]; twice {
			return nil, "", cli.Usage("--label %s is given twice", key)
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[key] = value
	}
	return labels, orNothing(f.description), nil
}

// update returns what the flags change.
func (f *notesFlags) update(cmd *cobra.Command) (
	labels api.Field[map[string]*string], description api.Field[string], err error,
) {
	if cmd.Flags().Changed("description") {
		description = api.Set(orNothing(f.description))
	}
	if len(f.labels) == 0 {
		return labels, description, nil
	}

	changes := map[string]*string{}
	for _, text := range f.labels {
		key, removes := strings.CutSuffix(text, "-")
		if !removes || strings.Contains(key, "=") {
			var value string
			if key, value, err = cli.Pair("label", text, labelForm+", or app- to remove it",
				true); err != nil {
				return labels, description, err
			}
			changes[key] = &value
			continue
		}
		changes[key] = nil
	}
	return api.Set(changes), description, nil
}
