package etcd

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/tapline-sdn/tapline/controller/store"
)

// Replace makes the given content that of the store under a prefix, which nobody else may have
// open. It creates the store if there is none. Revisions and keys go on from the higher of the old
// and the new.
//
// It takes several transactions. While it runs, and if it is interrupted, there is no head, so that
// nobody takes a part for the whole; then it has to be called again.
func Replace(ctx context.Context, c Config, state store.State) (err error) {
	s, err := connect(c)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, s.client.Close())
		if err != nil {
			err = fmt.Errorf("replace store %s: %w", s.keys, err)
		}
	}()

	opening, cancel := context.WithTimeout(ctx, s.config.OpenTime)
	defer cancel()
	if err := s.reach(opening); err != nil {
		return err
	}

	s.lock = newLock(s)
	if err := s.lock.acquire(opening); err != nil {
		return err
	}
	defer s.lock.release()
	renewing, stop := context.WithCancel(ctx)
	s.running.Go(func() { s.lock.renew(renewing) })
	defer s.running.Wait()
	defer stop()

	return s.replaceAll(ctx, state)
}

// replaceAll deletes what is there, writes the records, and the head at last.
func (s *Store) replaceAll(ctx context.Context, state store.State) error {
	next := head{
		Schema: schema, ClusterID: state.ClusterID, Writer: s.writer, Sequence: 1,
		Revision: state.Revision, KeyLimit: state.LastKey,
	}

	headIs := clientv3.Compare(clientv3.CreateRevision(s.keys.head()), "=", 0)
	have, err := s.readAll(ctx)
	switch {
	case err == nil:
		next.Revision = max(next.Revision, have.head.Revision)
		next.KeyLimit = max(next.KeyLimit, have.head.KeyLimit)
		headIs = clientv3.Compare(clientv3.ModRevision(s.keys.head()), "=", have.head.mod)
	case !errors.Is(err, errEmpty) && !errors.Is(err, errPart):
		return err
	}
	next.Previous = next.Revision

	secret := base64.StdEncoding.EncodeToString(state.Secret)
	if err := s.step(ctx, headIs, "",
		clientv3.OpDelete(s.keys.head()),
		clientv3.OpDelete(s.keys.records(), clientv3.WithPrefix()),
		clientv3.OpPut(s.keys.secret(), secret),
	); err != nil {
		return err
	}

	noHead := clientv3.Compare(clientv3.CreateRevision(s.keys.head()), "=", 0)
	if err := s.writeRecords(ctx, noHead, state.Records); err != nil {
		return err
	}
	return s.step(ctx, noHead, next.encode(), clientv3.OpPut(s.keys.head(), next.encode()))
}

// writeRecords writes records, as many at once as fit.
func (s *Store) writeRecords(
	ctx context.Context, condition clientv3.Cmp, records []store.Record,
) error {
	var writes []clientv3.Op
	size := 0
	flush := func() error {
		if len(writes) == 0 {
			return nil
		}
		err := s.step(ctx, condition, "", writes...)
		writes, size = nil, 0
		return err
	}

	for _, r := range records {
		if len(writes) == store.MaxOps || size+len(r.Value) > maxBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		id := recordID{r.Kind, r.ID}
		writes = append(writes,
			clientv3.OpPut(s.keys.record(id), encodeRecord(r.Revision, r.Value)))
		size += len(r.ID) + len(r.Value)
	}
	return flush()
}

// step carries out a transaction on a condition about the head, and while the lock is held.
// wantHead is the head that it leaves; "": none. It is repeated until its outcome is known.
func (s *Store) step(
	ctx context.Context, condition clientv3.Cmp, wantHead string, writes ...clientv3.Op,
) error {
	until := time.Now().Add(s.config.CommitTime)
	repeated := false
	for {
		held, err := s.lock.condition()
		if err != nil {
			return err
		}

		attempt, cancel := context.WithTimeout(ctx, s.config.AttemptTime)
		answer, err := s.client.Txn(attempt).If(held, condition).Then(writes...).
			Else(clientv3.OpGet(s.keys.head())).Commit()
		cancel()
		switch {
		case err == nil && answer.Succeeded:
			return nil
		case err == nil:
			found := answer.Responses[0].GetResponseRange().Kvs
			done := len(found) == 0 && wantHead == "" ||
				len(found) == 1 && string(found[0].Value) == wantHead
			if repeated && done {
				return nil // By an attempt that had no answer.
			}
			return errors.New("somebody else has written meanwhile: try it again")
		case isFinal(err) || ctx.Err() != nil || !time.Now().Before(until):
			return s.config.explain(err)
		}
		repeated = true
		time.Sleep(retryPause)
	}
}
