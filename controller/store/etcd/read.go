package etcd

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/tapline-sdn/tapline/controller/store"
)

const (
	// pageSize is how many records are read at once.
	pageSize = 1000
	// pageTime limits the reading of a page.
	pageTime = 10 * time.Second
)

var (
	// errEmpty means that there is no store under the prefix.
	errEmpty = fmt.Errorf("%w under this prefix", store.ErrNone)
	// errPart means that the store was being replaced.
	errPart = fmt.Errorf("%w: it has records and no head, as after an import that was "+
		"interrupted; import it again", store.ErrNone)
)

// content is everything under the prefix, as of one transaction.
type content struct {
	head    seenHead
	secret  []byte
	records []store.Record // sorted by kind and id
}

func (c content) revisions() map[recordID]uint64 {
	out := make(map[recordID]uint64, len(c.records))
	for _, r := range c.records {
		out[recordID{r.Kind, r.ID}] = r.Revision
	}
	return out
}

// get reads one key within the time of an attempt. It returns nil if there is none.
func (s *Store) get(ctx context.Context, key string) (*mvccpb.KeyValue, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.AttemptTime)
	defer cancel()

	answer, err := s.client.Get(ctx, key)
	if err != nil || len(answer.Kvs) == 0 {
		return nil, err
	}
	return answer.Kvs[0], nil
}

// readAll reads everything. It starts again if etcd compacts what it is reading.
func (s *Store) readAll(ctx context.Context) (content, error) {
	for {
		found, err := s.readOnce(ctx)
		if !errors.Is(err, rpctypes.ErrCompacted) || ctx.Err() != nil {
			return found, err
		}
	}
}

func (s *Store) readOnce(ctx context.Context) (content, error) {
	first, cancel := context.WithTimeout(ctx, s.config.CommitTime)
	defer cancel()
	answer, err := s.client.Txn(first).
		Then(clientv3.OpGet(s.keys.head()), clientv3.OpGet(s.keys.secret())).Commit()
	if err != nil {
		return content{}, s.config.explain(err)
	}

	heads := answer.Responses[0].GetResponseRange().Kvs
	secrets := answer.Responses[1].GetResponseRange().Kvs
	if len(heads) == 0 {
		return content{}, s.checkEmpty(ctx)
	}

	var found content
	if found.head, err = parseHead(heads[0]); err != nil {
		return content{}, err
	}
	if len(secrets) == 0 {
		return content{}, fmt.Errorf("%s is missing: restore it from a backup", s.keys.secret())
	}
	if found.secret, err = parseSecret(secrets[0]); err != nil {
		return content{}, err
	}

	found.records, err = s.readRecords(ctx, answer.Header.Revision)
	return found, err
}

// readRecords reads all records as of one of etcd's revisions.
func (s *Store) readRecords(ctx context.Context, revision int64) ([]store.Record, error) {
	var records []store.Record
	from, end := s.keys.records(), clientv3.GetPrefixRangeEnd(s.keys.records())
	for {
		page, cancel := context.WithTimeout(ctx, pageTime)
		answer, err := s.client.Get(page, from, clientv3.WithRange(end),
			clientv3.WithRev(revision), clientv3.WithLimit(pageSize))
		cancel()
		if err != nil {
			return nil, s.config.explain(err)
		}

		for _, kv := range answer.Kvs {
			record, err := s.keys.parseRecord(kv)
			if err != nil {
				return nil, err
			}
			records = append(records, record)
		}

		if !answer.More {
			break
		}
		from = string(answer.Kvs[len(answer.Kvs)-1].Key) + "\x00"
	}

	slices.SortFunc(records, store.Record.Compare)

	return records, nil
}

// maxOthers is how many keys a prefix without a store is asked for. A set has fewer replicas.
const maxOthers = 100

// checkEmpty returns errEmpty, or what else is under the prefix.
func (s *Store) checkEmpty(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.CommitTime)
	defer cancel()

	answer, err := s.client.Get(ctx, s.keys.all(), clientv3.WithPrefix(),
		clientv3.WithKeysOnly(), clientv3.WithLimit(maxOthers))
	if err != nil {
		return s.config.explain(err)
	}

	for _, kv := range answer.Kvs {
		_, isRecord := s.keys.recordOf(kv.Key)
		switch {
		case string(kv.Key) == s.keys.lock(), string(kv.Key) == s.keys.accepted(),
			strings.HasPrefix(string(kv.Key), s.keys.replicas()):
		case isRecord || string(kv.Key) == s.keys.secret():
			return errPart
		default:
			return fmt.Errorf("it has %q and no %s, so it is not a store: use another prefix",
				kv.Key, s.keys.head())
		}
	}
	return errEmpty
}

// create makes an empty store, unless another process has just made one.
func (s *Store) create(ctx context.Context) error {
	first := head{
		Schema: schema, ClusterID: uuid.NewString(), Writer: s.writer,
	}
	secret := base64.StdEncoding.EncodeToString(store.NewSecret())

	ctx, cancel := context.WithTimeout(ctx, s.config.CommitTime)
	defer cancel()
	_, err := s.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(s.keys.head()), "=", 0)).
		Then(clientv3.OpPut(s.keys.head(), first.encode()),
			clientv3.OpPut(s.keys.secret(), secret)).
		Commit()
	if err != nil {
		return fmt.Errorf("create it: %w", s.config.explain(err))
	}
	return nil
}

// awaitHead waits until the watch has seen a head, or a later one.
func (s *Store) awaitHead(ctx context.Context, h seenHead) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.CommitTime)
	defer cancel()

	for {
		s.mu.Lock()
		behind, moved, dead := s.head.mod < h.mod, s.moved, s.dead
		s.mu.Unlock()
		switch {
		case dead != nil:
			return dead
		case !behind:
			return nil
		}

		select {
		case <-moved:
		case <-ctx.Done():
			return errors.New("etcd does not tell what others write: its watch is behind")
		}
	}
}
