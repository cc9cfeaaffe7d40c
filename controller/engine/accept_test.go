package engine

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/store"
)

// from is a connection from an address.
type from struct {
	net.Conn
	addr net.Addr
}

func (c from) RemoteAddr() net.Addr { return c.addr }

// TestAcceptOVSDB: a connection that a host made is recognised by its address, however that is
// written.
func TestAcceptOVSDB(t *testing.T) {
	for _, tc := range []struct {
		name   string
		host   store.Host
		remote string
		taken  bool
	}{
		{"target", store.Host{OVSDB: "tcp:127.0.0.2:1"}, "127.0.0.2:50000", true},
		{"target, mapped", store.Host{OVSDB: "tcp:127.0.0.2:1"}, "[::ffff:127.0.0.2]:50000", true},
		{"target, IPv6 written otherwise", store.Host{OVSDB: "tcp:[0:0:0:0:0:0:0:1]:1"},
			"[::1]:50000", true},
		{"tunnel address", store.Host{OVSDB: "unix:/nonexistent",
			TunnelIP: netip.MustParseAddr("192.0.2.7")}, "192.0.2.7:50000", true},
		{"stranger", store.Host{OVSDB: "tcp:127.0.0.2:1",
			TunnelIP: netip.MustParseAddr("192.0.2.7")}, "192.0.2.8:50000", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRing(t, store.NewMemory())
			tc.host.Name = "h1"
			must(r.e.CreateHost(t.Context(), tc.host))(t)
			mine, theirs := net.Pipe()
			defer func() { _ = theirs.Close() }()
			remote, err := net.ResolveTCPAddr("tcp", tc.remote)
			assert.NoError(t, err)
			taken := r.e.AcceptOVSDB(from{mine, remote})
			assert.Equal(t, tc.taken, taken)
			if !taken {
				_ = mine.Close()
			}
		})
	}

	r := newRing(t, store.NewMemory())
	assert.False(t, r.e.AcceptOVSDB(from{nil, &net.UnixAddr{Name: "x", Net: "unix"}}), "no address")
}
