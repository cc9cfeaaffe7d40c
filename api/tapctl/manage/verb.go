package manage

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
)

// verb describes a verb of a kind. Of the example, %[1]s is the kind's word.
func verb(
	word, use, short, example string, args cobra.PositionalArgs,
	run func(cmd *cobra.Command, args []string) error,
) cli.Verb {
	return cli.Verb{
		Use:     word + "-" + use,
		Short:   short,
		Example: fmt.Sprintf(example, word),
		Group:   word,
		Args:    args,
		Run:     run,
	}
}
