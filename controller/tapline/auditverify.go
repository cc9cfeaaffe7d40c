package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tapline-sdn/tapline/controller/audit"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Work with the audit log"}
	cmd.AddCommand(&cobra.Command{
		Use:   "verify DIR|FILE",
		Short: "Check that no change was altered, removed or inserted in the audit log",
		Long: `Check the chain of hashes of the changes in an audit log: the data directory of
a controller, or one file that was kept elsewhere. The controller may run. The exit
code is 1 if the chain is broken.

The chain does not show that the last records were cut off, nor that somebody who can
write the files made all of them anew. A copy on another machine (audit.syslog) does.`,
		Example: `  tapline audit verify /var/lib/tapline`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := audit.Verify(args[0])
			if err != nil {
				return err
			}
			return printVerification(cmd.OutOrStdout(), found)
		},
	})

	return cmd
}

// printVerification prints what was found. It returns an error if the chain is broken.
func printVerification(w io.Writer, v audit.Verification) error {
	for _, where := range v.CutOff {
		fmt.Fprintf(w, "%s: a line that is no record, as a crash leaves one\n", where)
	}

	for _, fault := range v.Faults {
		fmt.Fprintln(w, fault)
	}

	if v.Unchained > 0 {
		fmt.Fprintf(w, "%d records of an earlier release are not part of the chain\n", v.Unchained)
	}

	fmt.Fprintf(w, "%d changes in %d files, numbers %d to %d\n",
		v.Records, v.Files, v.First, v.Last)

	if len(v.Faults) > 0 {
		return errors.New("the audit log is not what the controller wrote")
	}

	return nil
}
