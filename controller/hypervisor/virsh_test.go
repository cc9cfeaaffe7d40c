package hypervisor

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin/sandbox"
)

func TestErrorText(t *testing.T) {
	exit := errors.New("exit status 1")
	for name, tc := range map[string]struct{ stderr, want string }{
		"nothing":  {"\n", "exit status 1"},
		"one line": {"error: failed to get domain 'x'\n", "failed to get domain 'x'"},
		"the first line repeats the command": {
			"error: Failed to attach device from /dev/stdin\n" +
				"error: internal error: No more available PCI slots\n\n",
			"internal error: No more available PCI slots",
		},
		"several lines": {"error: a\nerror: b\nc\n", "b; c"},
	} {
		assert.Equal(t, tc.want, errorText(tc.stderr, exit), name)
	}
	hostile := "error: x\nerror: \x1b[2Jnothing is wrong\xff" + strings.Repeat("y", 5000)
	text := errorText(hostile, exit)
	assert.True(t, strings.HasPrefix(text, "?[2Jnothing is wrong?y"), text)
	assert.LessOrEqual(t, len(text), maxMessage+3)
	missing := &exec.Error{Name: "virsh", Err: exec.ErrNotFound}
	assert.Contains(t, errorText("", missing), "virsh cannot be executed")
}

func TestBoundedBuffer(t *testing.T) {
	b := boundedBuffer{limit: 5}
	for _, text := range []string{"abc", "defg", "hi"} {
		n, err := b.Write([]byte(text))
		require.NoError(t, err)
		assert.Equal(t, len(text), n)
	}
	assert.Equal(t, "abcde", b.String())
	assert.True(t, b.overflowed)
}

func TestCommandAndBounds(t *testing.T) {
	t.Setenv("TAPLINE_TOKEN", "s3cret")
	v := virsh{path: "/bin/sh", uri: "unused"}
	cmd := v.command(t.Context(), "list")
	assert.Equal(t, []string{"/bin/sh", "-c", "unused", "list"}, cmd.Args)
	assert.Contains(t, cmd.Env, "LC_ALL=C")
	for _, variable := range cmd.Env {
		assert.NotContains(t, variable, "s3cret", "a secret of the controller's environment")
	}
	assert.Equal(t, "/", cmd.Dir)

	// sh -c URI runs the URI as a script, which serves as a command that prints too much.
	v.uri = "head -c 70000000 /dev/zero"
	_, err := v.run(t.Context(), time.Minute, "")
	require.EqualError(t, err, "it printed more than 64 MiB")
}

func TestBackoff(t *testing.T) {
	timing := Timing{Retry: time.Second, RetryMax: 30 * time.Second}
	for failures, want := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 6: 30 * time.Second,
		1000: 30 * time.Second,
	} {
		got := timing.backoff(failures)
		assert.LessOrEqual(t, got, want)
		assert.GreaterOrEqual(t, got, want-want/4-1, "at most a quarter is subtracted")
	}
}

func TestOrders(t *testing.T) {
	o := NewOrders()
	woken := func() bool {
		select {
		case <-o.wake:
			return true
		default:
			return false
		}
	}
	_, number, readGuests := o.take()
	assert.Zero(t, number)
	assert.False(t, readGuests)
	assert.False(t, woken())

	o.Put(1, []Order{order(true, Target{})})
	o.Put(2, nil)
	assert.True(t, woken())
	assert.False(t, woken(), "two changes wake once")
	list, number, _ := o.take()
	assert.Empty(t, list)
	assert.EqualValues(t, 2, number)

	o.Unseen([]string{"s1"})
	assert.True(t, woken())
	o.Unseen([]string{"s1"})
	assert.False(t, woken(), "nothing changed")
	assert.Equal(t, []string{"s1"}, o.unseenServices())

	o.Look()
	assert.True(t, woken())
	_, _, readGuests = o.take()
	assert.True(t, readGuests)
	_, _, readGuests = o.take()
	assert.False(t, readGuests, "a request is taken once")
}

// TestLostPort follows a NIC whose port vanishes, without a libvirt.
func TestLostPort(t *testing.T) {
	r := newRegistry()
	r.join("h1", func() {})
	config := Config{TapBridge: "brtap", Timing: Timing{Lost: time.Hour}, Logger: discard}
	w := newWorker(config, Host{Name: "h1", Cluster: "c1"}, "", NewOrders(), nil, r)
	w.domains = []domain{planDomain([]device{ourNIC}, nil)}
	w.domains[0].State = "running"
	w.settle()
	w.orders.Unseen([]string{"s1"})
	orders := []Order{order(true, Target{ID: webID})}
	livePlan := func() (detaches bool) {
		for _, s := range w.plan(orders).steps {
			detaches = detaches || s.detach && s.scope == scopeLive
		}
		return detaches
	}

	w.updateLostPorts()
	l := w.lostPorts["s1"]
	require.NotNil(t, l)
	assert.False(t, livePlan(), "it may come back within an hour")
	assert.Equal(t, l.since.Add(time.Hour), w.nextReplug())

	l.since = time.Now().Add(-2 * time.Hour)
	assert.False(t, livePlan(), "the guests were read before")
	w.surveyedAt = time.Now()
	assert.True(t, livePlan())
	l.repairs = 2
	assert.False(t, livePlan(), "after two repairs it waits four hours")

	w.domains[0].State = "paused"
	w.updateLostPorts()
	assert.False(t, l.missing, "a paused guest cannot release it")
	l.since = time.Now().Add(-time.Hour << maxDoublings).Add(-time.Second)
	w.updateLostPorts()
	assert.Empty(t, w.lostPorts, "repairs are forgotten after a long quiet time")
}

// TestVirshIsKeptFromSecrets: virsh, and what it starts, cannot read the controller's data
// directory, as whose user it runs. It can read what ssh needs there if that is its home.
func TestVirshIsKeptFromSecrets(t *testing.T) {
	if !sandbox.Available() {
		t.Skip("the kernel has no Landlock")
	}
	dir := t.TempDir()
	token, config := filepath.Join(dir, "admin.token"), filepath.Join(dir, ".ssh", "config")
	require.NoError(t, os.Mkdir(filepath.Dir(config), 0o700))
	require.NoError(t, os.WriteFile(token, []byte("tl_secret"), 0o600))
	require.NoError(t, os.WriteFile(config, []byte("Host *"), 0o600))

	// The program is a shell, so the URI is its script.
	v := virsh{path: "/bin/sh", uri: `cat "$0"`, secret: dir}
	_, err := v.run(t.Context(), time.Minute, "", token)
	require.ErrorContains(t, err, "Permission denied")
	text, err := v.run(t.Context(), time.Minute, "", config)
	require.NoError(t, err)
	assert.Equal(t, "Host *", text)

	v.secret = ""
	text, err = v.run(t.Context(), time.Minute, "", token)
	require.NoError(t, err)
	assert.Equal(t, "tl_secret", text, "only the sandbox is between")
}
