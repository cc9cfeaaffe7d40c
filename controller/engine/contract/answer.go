package contract

import (
	"context"
	"errors"
	"fmt"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/plugin"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// CheckAnswer returns an error if an answer makes no sense for a plugin that was told changes up to
// a revision.
func CheckAnswer(r *tap.Result, told uint64) error {
	if r.Revision > told {
		return fmt.Errorf("the plugin answers revision %d, and was told no more than %d",
			r.Revision, told)
	}

	for _, s := range r.Statuses {
		switch s.State {
		case tap.StateDisabled, tap.StatePending, tap.StateError, tap.StateProgrammed:
		default:
			return fmt.Errorf("the plugin gives %s %s the state %q", s.Kind, s.ID, s.State)
		}
	}

	return nil
}

// errTried ends a successful trial.
var errTried = errors.New("tried")

// Try has a plugin on trial plan everything, and returns an error if something is wrong with its
// answer, or with a program by the word of check. If ctx ends first, it returns ctx's error.
func Try(ctx context.Context, mirror plugin.Mirror, snapshot tap.Change,
	check func(*tap.Program) error) error {
	changes := make(chan tap.Change, 1)
	changes <- snapshot
	answered := map[intent.Ref]bool{}
	err := mirror.Run(ctx, changes, func(r tap.Result) error {
		for i := range r.Programs {
			if err := check(&r.Programs[i]); err != nil {
				return err
			}
		}
		if err := CheckAnswer(&r, snapshot.Revision); err != nil {
			return err
		}

		for _, s := range r.Statuses {
			answered[intent.Ref{Kind: s.Kind, ID: s.ID}] = true
		}
		if r.Revision < snapshot.Revision {
			return nil // The rest follows.
		}
		return checkComplete(&snapshot, answered)
	})

	switch {
	case errors.Is(err, errTried):
		return nil
	case err == nil:
		return errors.New("on trial it ended its run")
	}
	return fmt.Errorf("on trial: %w", err)
}

// checkComplete returns errTried if a plugin has answered everything in a snapshot, and otherwise
// an error that says what is missing.
func checkComplete(snapshot *tap.Change, answered map[intent.Ref]bool) error {
	for _, s := range snapshot.Services {
		if !answered[intent.ServiceRef(s.ID)] {
			return fmt.Errorf("it says nothing of tap service %s", s.Name)
		}
	}
	for _, f := range snapshot.Flows {
		if !answered[intent.FlowRef(f.ID)] {
			return fmt.Errorf("it says nothing of tap flow %s", f.Name)
		}
	}
	return errTried
}
