package cli

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/api/tapctl/advice"
)

// BindYes adds flag --yes to a command that asks before it changes much.
func (a *App) BindYes(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&a.yes, "yes", "y", false, "do not ask on a terminal")
}

// Confirm asks a question on a terminal, and fails unless the answer is yes. Scripts are not asked,
// nor is anybody with --yes.
func (a *App) Confirm(question string, args ...any) error {
	if !a.Interactive || a.yes {
		return nil
	}

	fmt.Fprintf(a.Err, "%s [y/N] ", fmt.Sprintf(question, args...))
	line, _ := bufio.NewReader(a.In).ReadString('\n') // No line is no answer.
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}

	return advice.New("answer y, or give --yes", "nothing was changed")
}
