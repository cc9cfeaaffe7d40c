package access

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tapline-sdn/tapline/controller/store"
)

const (
	flushInterval = 10 * time.Minute
	lastFlushTime = 5 * time.Second // limit for the flush after ctx has ended
)

// Run stores at intervals when tokens were last used, until ctx ends, and then a last time.
func (k *Keyring) Run(ctx context.Context) {
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()

	for {
		select {
		case <-tick.C:
			k.flush(ctx)
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlushTime)
			defer cancel()
			k.flush(ctx)
			return
		}
	}
}

// flush stores when tokens were last used. After a failure, the next flush tries again.
func (k *Keyring) flush(ctx context.Context) {
	k.write.Lock()
	defer k.write.Unlock()

	if k.config.Records == nil {
		return
	}

	var ops []store.Op
	var updated []*entry
	for _, e := range k.entries() {
		lastUsed := e.lastUsed()
		if !lastUsed.After(e.record.LastUsedAt) {
			continue
		}
		if len(ops) == store.MaxOps {
			break // The next flush stores the others.
		}

		fresh := &entry{record: e.record, until: e.until, revoke: e.revoke}
		fresh.record.LastUsedAt = lastUsed
		fresh.used.Store(lastUsed.UnixNano())
		value, err := json.Marshal(fresh.record)
		if err != nil {
			k.config.Logger.Error("a token cannot be encoded", "token", e.record.Name, "error", err)
			continue
		}

		ops = append(ops, store.Op{Kind: store.KindToken, ID: e.record.ID, Value: value})
		updated = append(updated, fresh)
	}

	if len(ops) == 0 {
		return
	}

	if _, err := k.config.Records.Commit(ctx, ops...); err != nil {
		k.config.Logger.Warn("the times of last use of tokens could not be stored", "error", err)
		return
	}

	k.mu.Lock()
	defer k.mu.Unlock()

	for _, e := range updated {
		k.byID[e.record.ID] = e
	}
}
