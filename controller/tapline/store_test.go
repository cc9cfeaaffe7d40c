package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/config"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/controller/store/etcd/etcdtest"
)

// runTapline runs the program with an answer to its question, if it asks one.
func runTapline(t *testing.T, answer string, args ...string) (string, error) {
	t.Helper()
	cmd := root()
	var out bytes.Buffer
	cmd.SetIn(strings.NewReader(answer))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// filledStore makes a bbolt store in a data directory, with a tap flow that goes to a host's NIC.
func filledStore(t *testing.T) (dataDir string, content store.State) {
	t.Helper()
	dataDir = t.TempDir()
	s, err := store.OpenBolt(filepath.Join(dataDir, "tapline.db"))
	require.NoError(t, err)
	put := func(kind store.Kind, id, value string) {
		_, err := s.Commit(t.Context(), store.Op{Kind: kind, ID: id, Value: json.RawMessage(value)})
		require.NoError(t, err)
	}
	key, err := s.NextKey(t.Context())
	require.NoError(t, err)
	put(store.KindHost, "h1", `{"id":"h1","name":"one"}`)
	put(store.KindService, "s1",
		fmt.Sprintf(`{"id":"s1","name":"col","type":"host","target_id":"h1","key":%d}`, key))
	for i := range 300 { // more than one transaction of etcd takes
		id := fmt.Sprintf("f%03d", i)
		put(store.KindFlow, id,
			fmt.Sprintf(`{"id":%q,"name":%q,"tap_id":"s1","type":"vnic"}`, id, id))
	}
	content, err = s.Load(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return dataDir, content
}

func contentOf(t *testing.T, dataDir string) store.State {
	t.Helper()
	state, err := store.ReadBolt(t.Context(), filepath.Join(dataDir, "tapline.db"))
	require.NoError(t, err)
	return state
}

func TestStoreExportAndImport(t *testing.T) {
	dir, content := filledStore(t)
	running, err := store.OpenBolt(filepath.Join(dir, "tapline.db"))
	require.NoError(t, err)

	backup := filepath.Join(t.TempDir(), "backup.jsonl")
	out, err := runTapline(t, "", "store", "export", backup, "--data-dir", dir)
	require.NoError(t, err)
	require.Contains(t, out, "302 records at revision 302")
	info, err := os.Stat(backup)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	out, err = runTapline(t, "", "store", "verify", backup)
	require.NoError(t, err, out)

	_, err = running.Commit(t.Context(), store.Op{Kind: store.KindFlow, ID: "f000"})
	require.NoError(t, err)
	_, err = runTapline(t, "yes\n", "store", "import", backup, "--data-dir", dir)
	require.ErrorIs(t, err, store.ErrLocked)
	require.NoError(t, running.Close())

	out, err = runTapline(t, "no\n", "store", "import", backup, "--data-dir", dir)
	require.EqualError(t, err, "nothing was changed")
	require.Contains(t, out, "there again afterwards (1): tap flow f000\n")
	require.Len(t, contentOf(t, dir).Records, 301)

	out, err = runTapline(t, "yes\n", "store", "import", backup, "--data-dir", dir)
	require.NoError(t, err, out)
	got := contentOf(t, dir)
	require.Equal(t, content.Records, got.Records)
	require.Equal(t, content.Secret, got.Secret)
	require.EqualValues(t, 303, got.Revision, "no revision comes twice")

	// Without anything to lose, nobody is asked.
	fresh := t.TempDir()
	_, err = runTapline(t, "", "store", "import", backup, "--data-dir", fresh)
	require.NoError(t, err)
	require.Equal(t, content.Records, contentOf(t, fresh).Records)
}

func TestStoreImportAsksForMore(t *testing.T) {
	dir, _ := filledStore(t)
	_, err := runTapline(t, "", "store", "import", "-", "--data-dir", dir)
	require.EqualError(t, err, "with -, nobody can be asked: want --yes")
	text, err := runTapline(t, "", "store", "export", "-", "--data-dir", dir)
	require.NoError(t, err)
	fresh := t.TempDir()
	_, err = runTapline(t, text, "store", "import", "-", "--yes", "--data-dir", fresh)
	require.NoError(t, err)
	require.Equal(t, contentOf(t, dir).Records, contentOf(t, fresh).Records)

	_, err = runTapline(t, "", "store", "copy", "--data-dir", dir)
	require.EqualError(t, err, "want --to-config or --to-data-dir")
	_, err = runTapline(t, "", "store", "copy", "--data-dir", dir, "--to-data-dir", dir)
	require.ErrorContains(t, err, "both stores are "+filepath.Join(dir, "tapline.db"))
}

func TestStoreVerifyFindsFaults(t *testing.T) {
	dir, _ := filledStore(t)
	s, err := store.OpenBolt(filepath.Join(dir, "tapline.db"))
	require.NoError(t, err)
	_, err = s.Commit(t.Context(), store.Op{Kind: store.KindHost, ID: "h1"})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	out, err := runTapline(t, "", "store", "verify", "--data-dir", dir)
	require.EqualError(t, err, "the store is not whole")
	require.Contains(t, out, `tap_services "s1" refers to hosts "h1", which is not there`)
}

// TestStoreMovesToEtcdAndBack: nothing is lost on the way, and nothing is used twice.
func TestStoreMovesToEtcdAndBack(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	dir, content := filledStore(t)
	file := filepath.Join(t.TempDir(), "tapline.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil,
		"data_dir: %s\nstore: {driver: etcd, endpoints: [%q], prefix: /clouds/one}\n",
		t.TempDir(), cluster.URLs()[0]), 0o600))

	out, err := runTapline(t, "", "store", "copy", "--data-dir", dir, "--to-config", file)
	require.NoError(t, err, out)
	out, err = runTapline(t, "", "store", "verify", "--config", file)
	require.NoError(t, err, out)
	require.Contains(t, out, "302 records at revision 302, cluster "+content.ClusterID)
	require.Equal(t, "/clouds/one/records/hosts/h1\n1 {\"id\":\"h1\",\"name\":\"one\"}\n",
		cluster.Ctl(t, "get", "/clouds/one/records/hosts/h1"))

	// The same once more changes no object, so nobody is asked.
	out, err = runTapline(t, "", "store", "copy", "--data-dir", dir, "--to-config", file)
	require.NoError(t, err, out)

	// A controller that uses the store keeps others from writing, not from reading.
	c, err := loadConfig(file)
	require.NoError(t, err)
	running, err := openStore(t.Context(), c, forGood{}, newLogger(os.Stderr, c.Log))
	require.NoError(t, err)
	_, err = runTapline(t, "", "store", "copy", "--data-dir", dir, "--to-config", file)
	require.ErrorIs(t, err, store.ErrLocked)
	require.ErrorContains(t, err, fmt.Sprintf("process %d on", os.Getpid()))
	back := t.TempDir()
	out, err = runTapline(t, "", "store", "copy", "--config", file, "--to-data-dir", back)
	require.NoError(t, err, out)
	require.NoError(t, running.Close())

	got := contentOf(t, back)
	require.Equal(t, content.Records, got.Records)
	require.Equal(t, content.ClusterID, got.ClusterID)
	require.Equal(t, content.Secret, got.Secret)
	require.Equal(t, content.Revision, got.Revision)
	require.GreaterOrEqual(t, got.LastKey, content.LastKey)
}

// TestStoreOverTLS: etcd is verified, and gets our certificate.
func TestStoreOverTLS(t *testing.T) {
	ours, other := newAuthority(t), newAuthority(t)
	dir := t.TempDir()
	ca, otherCA := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "other.pem")
	require.NoError(t, os.WriteFile(ca, ours.pem, 0o600))
	require.NoError(t, os.WriteFile(otherCA, other.pem, 0o600))
	cert, key := ours.pair(dir, "server")
	clientCert, clientKey := ours.pair(dir, "client")

	good := config.TLS{Cert: clientCert, Key: clientKey, CA: ca}
	settings := func(files config.TLS) *config.Config {
		c := config.Default()
		c.DataDir = dir
		c.Store = config.Store{
			Driver: config.DriverEtcd, Endpoints: []string{"https://127.0.0.1:1"}, TLS: files,
		}
		return c
	}
	secure, err := etcdTLS(settings(good).Store)
	require.NoError(t, err)
	cluster := etcdtest.StartSecure(t, secure, "--cert-file", cert, "--key-file", key,
		"--client-cert-auth", "--trusted-ca-file", ca)

	openWith := func(files config.TLS) error {
		c := settings(files)
		c.Store.Endpoints = cluster.URLs()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		s, err := openStore(ctx, c, forGood{}, newLogger(os.Stderr, c.Log))
		if err != nil {
			return err
		}
		return s.Close()
	}
	require.NoError(t, openWith(good))
	require.ErrorContains(t, openWith(config.TLS{Cert: clientCert, Key: clientKey, CA: otherCA}),
		"certificate signed by unknown authority")
	require.ErrorContains(t, openWith(config.TLS{CA: ca}), "remote error: tls: ")
	require.Error(t, openWith(config.TLS{}), "nobody on this machine knows the authority")
}

// TestStoreAccept: an operator is asked before replicas lead again with a restored store.
func TestStoreAccept(t *testing.T) {
	cluster := etcdtest.Start(t, 1)
	file := filepath.Join(t.TempDir(), "tapline.yaml")
	require.NoError(t, os.WriteFile(file, []byte("data_dir: data\n"+
		"store: {driver: etcd, endpoints: [\""+cluster.URLs()[0]+"\"]}\n"+
		"replica: {name: c1, url: \"http://127.0.0.1:8640\"}\n"), 0o600))
	written := func() int {
		found, err := cluster.Client(t).Get(t.Context(), "/tapline/accepted")
		require.NoError(t, err)
		return len(found.Kvs)
	}

	_, err := runTapline(t, "no\n", "store", "accept", "--config", file)
	require.EqualError(t, err, "nothing was changed")
	require.Zero(t, written())
	out, err := runTapline(t, "yes\n", "store", "accept", "--config", file)
	require.NoError(t, err, out)
	require.Equal(t, 1, written())

	_, err = runTapline(t, "", "store", "accept", "--data-dir", t.TempDir())
	require.ErrorContains(t, err, "has no replica")
}
