package access_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/access"
)

func TestLimiter(t *testing.T) {
	l := access.NewLimiter[string]()
	now := time.Unix(1000, 0)
	fail := func(remote string) time.Duration { return l.Fail(access.Network(remote), remote, now) }
	for i := range 10 {
		require.Zero(t, fail(fmt.Sprintf("192.0.2.1:%d", 1000+i)))
	}
	require.Equal(t, 3*time.Second, fail("192.0.2.1:7"))
	require.Equal(t, 3*time.Second, fail("192.0.2.1:7"), "refusals do not make it longer")
	require.Zero(t, fail("192.0.2.2:7"), "another address is another source")
	now = now.Add(time.Second)
	require.Equal(t, 2*time.Second, fail("[::ffff:192.0.2.1]:7"), "an IPv4 address in either form")
	now = now.Add(2 * time.Second)
	require.Zero(t, fail("192.0.2.1:7"))
	require.NotZero(t, fail("192.0.2.1:9"))
	dropped := map[string]int{}
	l.Dropped(func(remote string, times int) { dropped[remote] = times })
	require.Equal(t, map[string]int{"192.0.2.1:9": 4}, dropped)
	l.Dropped(func(string, int) { t.Error("they were told") })
	now = now.Add(time.Hour)
	for range 10 {
		require.Zero(t, fail("192.0.2.1:7"), "all is forgiven, and not more")
	}
	require.NotZero(t, fail("192.0.2.1:7"))

	for i := range 10 {
		require.Zero(t, fail(fmt.Sprintf("[2001:db8::%x]:1", i)))
	}
	require.NotZero(t, fail("[2001:db8::99]:1"), "a network of 64 bits is one source")
	require.Zero(t, fail("[2001:db8:0:1::99]:1"))
}

func TestLimiterIsBounded(t *testing.T) {
	l := access.NewLimiter[string]()
	now := time.Unix(1000, 0)
	for range 11 {
		l.Fail(access.Network("192.0.2.1:1"), "", now)
	}
	for i := range 5000 {
		l.Fail(access.Network(fmt.Sprintf("10.0.%d.%d:1", i/250, i%250)), "", now)
	}
	require.Zero(t, l.Fail(access.Network("192.0.2.1:1"), "", now), "the oldest is forgotten")
	for range 11 {
		l.Fail(access.Network("10.0.19.249:1"), "", now)
	}
	require.NotZero(t, l.Fail(access.Network("10.0.19.249:1"), "", now), "the others are not")
}
