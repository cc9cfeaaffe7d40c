package fault_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/testenv/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a server that says again what it hears, behind a proxy.
func echo(t *testing.T) *fault.Proxy {
	t.Helper()
	server, err := fault.Listen(func(nc net.Conn) { _, _ = io.Copy(nc, nc) })
	require.NoError(t, err)
	t.Cleanup(server.Close)
	proxy, err := fault.NewProxy(server.Target())
	require.NoError(t, err)
	t.Cleanup(proxy.Close)
	return proxy
}

func dial(t *testing.T, p *fault.Proxy) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", strings.TrimPrefix(p.Target(), "tcp:"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	return nc
}

// hears says what of a text comes back within a time, and the error that ends it.
func hears(t *testing.T, nc net.Conn, text string, within time.Duration) (string, error) {
	t.Helper()
	_, err := io.WriteString(nc, text)
	require.NoError(t, err)
	require.NoError(t, nc.SetReadDeadline(time.Now().Add(within)))
	b := make([]byte, len(text))
	n, err := io.ReadFull(nc, b)
	return string(b[:n]), err
}

const soon, long = 100 * time.Millisecond, 10 * time.Second

func TestProxy(t *testing.T) {
	p := echo(t)
	nc := dial(t, p)
	pass := func(what string) {
		t.Helper()
		got, err := hears(t, nc, "hello", long)
		assert.NoError(t, err, what)
		assert.Equal(t, "hello", got, what)
	}

	pass("no faults")

	p.Set(fault.Faults{ToServer: fault.Way{Delay: soon}, ToClient: fault.Way{Delay: soon}})
	begin := time.Now()
	pass("delay")
	assert.GreaterOrEqual(t, time.Since(begin), 2*soon)

	for name, f := range map[string]fault.Faults{
		"half-open": fault.HalfOpen(), "to server": {ToServer: fault.Way{Silent: true}},
		"to client": {ToClient: fault.Way{Silent: true}},
	} {
		p.Set(f)
		got, err := hears(t, nc, "hello", soon)
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded, name)
		assert.Empty(t, got, name)
		p.Set(fault.Faults{})
		require.NoError(t, nc.SetReadDeadline(time.Now().Add(long)))
		_, err = io.ReadFull(nc, make([]byte, 5))
		assert.NoError(t, err, "%s: it comes later", name)
	}

	p.Set(fault.Faults{ToServer: fault.Way{Rate: 100}})
	begin = time.Now()
	got, err := hears(t, nc, strings.Repeat("x", 20), long)
	assert.NoError(t, err, "slow")
	assert.Len(t, got, 20)
	assert.GreaterOrEqual(t, time.Since(begin), soon)

	p.Set(fault.Faults{ToServer: fault.Way{CutAfter: 3}})
	got, err = hears(t, nc, "hello", long)
	assert.Error(t, err, "cut")
	assert.False(t, errors.Is(err, os.ErrDeadlineExceeded), "%v", err)
	assert.LessOrEqual(t, len(got), 3)

	p.Set(fault.Faults{ToClient: fault.Way{CutAt: "llo"}})
	nc = dial(t, p)
	_, err = hears(t, nc, "hel", long)
	assert.NoError(t, err)
	_, err = io.WriteString(nc, "lo")
	assert.NoError(t, err)
	require.NoError(t, nc.SetReadDeadline(time.Now().Add(long)))
	_, err = io.ReadAll(nc)
	assert.False(t, errors.Is(err, os.ErrDeadlineExceeded), "cut at a text: %v", err)

	p.Set(fault.Faults{})
	nc = dial(t, p)
	pass("another link")
	p.Cut()
	require.NoError(t, nc.SetReadDeadline(time.Now().Add(long)))
	_, err = nc.Read(make([]byte, 1))
	assert.False(t, errors.Is(err, os.ErrDeadlineExceeded), "cut: %v", err)
	assert.Error(t, err)

	p.Set(fault.Faults{Hang: true})
	nc = dial(t, p)
	_, err = hears(t, nc, "hello", soon)
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	p.Set(fault.Faults{Refuse: true})
	before := p.Accepted()
	if nc, err := net.Dial("tcp", strings.TrimPrefix(p.Target(), "tcp:")); err == nil {
		_, err = nc.Read(make([]byte, 1))
		assert.Error(t, err)
		_ = nc.Close()
	}

	assert.Eventually(t, func() bool { return p.Accepted() == before+1 }, long, time.Millisecond)
}
