package etcd

import (
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Dial returns a client of etcd for somebody else than a store. It does not wait for etcd.
func (c Config) Dial() (*clientv3.Client, error) {
	c = c.withDefaults()
	client, err := clientv3.New(clientv3.Config{
		Endpoints: c.Endpoints, TLS: c.TLS, Username: c.Username, Password: c.Password,
		DialTimeout:          c.OpenTime,
		DialKeepAliveTime:    10 * time.Second, // gRPC allows no less.
		DialKeepAliveTimeout: c.AttemptTime,
		Logger:               zap.NewNop(), // What fails is reported where it matters.
	})
	return client, c.Explain(err)
}

// ElectionKey is the key that a leader has. Only one process can have it, on a lease. It is the
// lock of the prefix, which a single controller and an import take too.
func (c Config) ElectionKey() string { return newKeyspace(c.withDefaults().Prefix).lock() }

// ReplicasKey is the beginning of the keys under which replicas register.
func (c Config) ReplicasKey() string { return newKeyspace(c.withDefaults().Prefix).replicas() }

// Explain says what an error of etcd means, and what to do.
func (c Config) Explain(err error) error { return c.explain(err) }

// HeadKey is the key that each write rewrites; see [HeadOf].
func (c Config) HeadKey() string { return newKeyspace(c.withDefaults().Prefix).head() }

// HeadOf returns the cluster id of a store and the revision of its last batch.
func HeadOf(kv *mvccpb.KeyValue) (cluster string, revision uint64, err error) {
	h, err := parseHead(kv)
	return h.ClusterID, h.Revision, err
}

// AcceptedKey is the key by which an operator says that a restored store is meant; see
// controller/replica.
func (c Config) AcceptedKey() string { return newKeyspace(c.withDefaults().Prefix).accepted() }
