package store_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/store"
)

// crashFile names the environment variable that turns the test binary into the child of TestCrash.
const crashFile = "TAPLINE_STORE_CRASH_FILE"

const crashWorkers = 8

// crashChild commits as fast as it can, and prints what was acknowledged: "revision id key".
func crashChild(path string) {
	s, err := store.OpenBolt(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex // one write(2) per line
	var wg sync.WaitGroup
	ctx := context.Background()
	start, err := s.Load(ctx)
	for w := range crashWorkers {
		wg.Go(func() {
			for i := 0; err == nil; i++ {
				id := fmt.Sprintf("%d-%d-%d", start.Revision, w, i)
				key, err := s.NextKey(ctx)
				if err != nil {
					return
				}
				// Both records of a batch, or none, have to be found.
				revision, err := s.Commit(ctx, op(id, fmt.Sprint(key)),
					store.Op{Kind: store.KindService, ID: id, Value: []byte(fmt.Sprint(key))})
				if err != nil {
					return
				}
				mu.Lock()
				_, err = fmt.Printf("%d %s %d\n", revision, id, key)
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	os.Exit(1)
}

func TestCrash(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	path := filepath.Join(t.TempDir(), "tapline.db")
	const seed = 6653
	random := rand.New(rand.NewPCG(seed, seed))
	acknowledged := make(map[string]string) // id -> value
	keys := make(map[string]bool)
	var newest uint64
	for round := range rounds {
		lines := runAndKill(t, exe, path, 1+random.IntN(300))
		for _, line := range lines {
			var revision uint64
			var id, key string
			_, err := fmt.Sscan(line, &revision, &id, &key)
			require.NoError(t, err, line)
			require.False(t, keys[key], "round %d: key %s was given out twice", round, key)
			keys[key], acknowledged[id], newest = true, key, max(newest, revision)
		}
		verify(t, path, round, newest, acknowledged)
	}
	t.Logf("%d rounds, %d acknowledged batches, revision %d", rounds, len(acknowledged), newest)
}

// runAndKill kills a child after it has acknowledged a number of batches. It returns all lines that
// the child printed.
func runAndKill(t *testing.T, exe, path string, after int) []string {
	t.Helper()
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), crashFile+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var once sync.Once
	kill := func() { once.Do(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) }
	defer kill()
	var lines []string
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
		if len(lines) == after {
			require.NoError(t, cmd.Process.Kill()) // SIGKILL; what is in the pipe is still read
		}
	}
	require.NoError(t, scanner.Err())
	require.GreaterOrEqual(t, len(lines), after, "the child ended by itself")
	return lines
}

func verify(t *testing.T, path string, round int, newest uint64, acknowledged map[string]string) {
	t.Helper()
	s := open(t, path)
	defer func() { require.NoError(t, s.Close()) }()
	state, err := s.Load(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, state.Revision, newest, "round %d", round)
	found := make(map[store.Kind]map[string]string)
	for _, r := range state.Records {
		if found[r.Kind] == nil {
			found[r.Kind] = make(map[string]string)
		}
		found[r.Kind][r.ID] = string(r.Value)
	}
	require.Equal(
		t,
		found[store.KindFlow],
		found[store.KindService],
		"round %d: half a batch",
		round,
	)
	for id, value := range acknowledged {
		require.Equal(
			t,
			value,
			found[store.KindFlow][id],
			"round %d: %s was acknowledged and is lost",
			round,
			id,
		)
	}
	// Every batch adds one record and one revision, so none is missing and none was made up.
	require.EqualValues(t, state.Revision, len(found[store.KindFlow]), "round %d", round)
}
