package main

import (
	"context"
	"time"

	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/controller/store/etcd"
)

// tokensPause is the time after which the store is opened again whose tokens could not be followed.
const tokensPause = 5 * time.Second

// followTokens keeps the tokens of the keyring as those of the store, until ctx ends. Without etcd
// they stay as they are.
func (ctl *controller) followTokens(ctx context.Context) {
	for ctx.Err() == nil {
		if err := ctl.followTokensOnce(ctx); err != nil && ctx.Err() == nil {
			ctl.log.Debug("the tokens of the store are not known", "error", err)
		}
		pause(ctx, tokensPause)
	}
}

// followTokensOnce follows the store until it cannot be watched any more.
func (ctl *controller) followTokensOnce(ctx context.Context) error {
	settings, err := etcdConfig(ctl.config, ctl.log)
	if err != nil {
		return err
	}
	settings.ReadOnly = true
	s, err := etcd.Open(ctx, settings)
	if err != nil {
		return err // There may be no store yet.
	}
	defer func() { _ = s.Close() }()

	for {
		state, err := s.Load(ctx)
		if err != nil {
			return err
		}
		if err := ctl.keys.Adopt(state, nil); err != nil {
			return err
		}
		if ctl.election.View().Restored != nil {
			ctl.tellRestored(ctx, state)
		}
		if err := awaitTokens(ctx, s, state.Revision); err != nil {
			return err
		}
	}
}

// tellRestored logs what a store that was put back has brought back, as far as the audit log of
// this replica says.
func (ctl *controller) tellRestored(ctx context.Context, state store.State) {
	found, err := findRestored(ctx, state, ctl.audit)
	switch {
	case err != nil:
		ctl.log.Warn("the audit log cannot be read", "error", err)
	case found.isZero():
		ctl.log.Warn("the audit log of this replica does not say what the restored store lacks")
	default:
		ctl.log.Warn(found.String())
	}
}

// awaitTokens waits until tokens have changed after a revision, or may have.
func awaitTokens(ctx context.Context, s store.Store, after uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := s.Watch(ctx, after)
	if err != nil {
		return err
	}

	for event := range events {
		for _, op := range event.Ops {
			if op.Kind == store.KindToken {
				return nil
			}
		}
	}
	return ctx.Err()
}
