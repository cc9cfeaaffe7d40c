package session

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb/client"
)

func TestLockName(t *testing.T) {
	for _, cluster := range []string{"c1", "0b3c-4d", "a.b/c", ""} {
		assert.Regexp(t, regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`), lockName(cluster))
	}
	assert.Equal(t, "tapline_0b3c_4d", lockName("0b3c-4d"))
}

// TestRival: of two controllers with one cluster id the second writes nothing, says why, and takes
// over when the first has ended.
func TestRival(t *testing.T) {
	h := startHost(t)
	first := keep(t, h.OVSDB)
	d := first.use(program())
	first.ready(d)

	second := keep(t, h.OVSDB)
	other := second.use(program(withoutCapture))
	second.await("it stands back", func() bool {
		return strings.Contains(second.last().Problem, "the lock tapline_c1")
	})

	applied, _, _ := second.told()
	assert.Zero(t, applied)
	targets := vsctl(t, h, "get-controller brtap")
	first.ready(first.use(program()))
	standing(t, first)
	assert.Equal(t, targets, vsctl(t, h, "get-controller brtap"))

	first.stop()
	ended(t, first)
	second.ready(other)
	assert.Empty(t, vsctl(t, h, "list Mirror"))
}

// TestRobbed: a session whose lock is stolen writes nothing more, and stands in line again.
func TestRobbed(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	k.ready(k.use(program()))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	thief, err := client.Dial(ctx, h.OVSDB, client.Options{})
	require.NoError(t, err)
	_, err = thief.Steal(ctx, lockName(cluster))
	require.NoError(t, err)
	k.await("it stands back", func() bool { return !k.last().Connected })
	applied, _, _ := k.told()
	d := k.use(program(withoutCapture))
	vsctl(t, h, "--no-wait del-port tlm-1")
	now, _, _ := k.told()
	assert.Equal(t, applied, now)

	require.NoError(t, thief.Close())
	k.ready(d)
}

// TestRetiredInLine: a host that is removed while the lock is held by a connection that is cut, as
// when the controller was restarted meanwhile, is cleaned once the lock is free.
func TestRetiredInLine(t *testing.T) {
	h := startHost(t)
	first := keep(t, h.OVSDB)
	first.ready(first.use(program()))

	second := keep(t, h.OVSDB)
	second.await("it stands in line", func() bool { return second.last().Problem != "" })
	second.Retire()
	standing(t, first)

	first.stop()
	ended(t, first)
	ended(t, second)
	assert.Empty(t, vsctl(t, h, "list Mirror"))
	assert.NotContains(t, vsctl(t, h, "list-br"), tapBridge)
}
