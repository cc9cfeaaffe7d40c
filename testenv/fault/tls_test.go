package fault_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/testenv/fault"
)

// pki makes certificates as ovs-pki(8) does, each with its name and an id, and returns their
// directory and the authority's file.
func pki(t *testing.T, names ...string) (dir, authority string) {
	t.Helper()
	dir = t.TempDir()
	run := func(args ...string) {
		cmd := exec.Command("ovs-pki", append([]string{"--dir=" + filepath.Join(dir, "ca"),
			"--log=" + filepath.Join(dir, "log")}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "ovs-pki %v: %s", args, out)
	}

	run("init")
	for _, name := range names {
		run("req+sign", name, "switch")
	}

	return dir, filepath.Join(dir, "ca", "switchca", "cacert.pem")
}

// TestCertificates shows that TLS binds a connection to its host: with the certificate of one host
// nobody can claim another's tap bridge or pass for another's database.
func TestCertificates(t *testing.T) {
	t.Parallel()
	hosts := start(t, 2)
	good, other := hosts[0], hosts[1]
	dir, authority := pki(t, "ctl", "good", "other")
	text, err := os.ReadFile(authority)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(text))
	certificate := func(name string) tls.Certificate {
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+"-cert.pem"),
			filepath.Join(dir, name+"-privkey.pem"))
		require.NoError(t, err)
		return pair
	}

	server := &tls.Config{Certificates: []tls.Certificate{certificate("ctl")}, ClientCAs: roots,
		RootCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert}

	r := newRig(t, server)
	for name, h := range map[string]interface {
		VSCtl(...string) (string, error)
	}{"good": good, "other": other} {
		_, err := h.VSCtl("set-ssl", filepath.Join(dir, name+"-privkey.pem"),
			filepath.Join(dir, name+"-cert.pem"), authority)
		require.NoError(t, err)
	}

	r.register("good", good.OVSDB)
	r.register("other", other.OVSDB)
	r.ready("good")
	r.ready("other")

	at := r.log.len()
	secure := func(serve func(net.Conn)) func(net.Conn) {
		config := client.ChainOnly(&tls.Config{
			Certificates: []tls.Certificate{certificate("other")}, RootCAs: roots,
		})
		return func(nc net.Conn) { serve(tls.Client(nc, config)) }
	}

	claim := fault.Switch{DatapathID: datapathID(t, good),
		Ports: openflow.PortDescReply{{No: openflow.PortLocal}}}

	thief := fault.Connect("127.0.1.1", r.openflow, 1, 50*time.Millisecond, secure(claim.Serve))
	defer thief.Close()
	want := "is that of host other: want one that names host good"
	assert.Eventually(t, func() bool {
		return strings.Contains(r.log.since(at), want)
	}, patience, time.Millisecond)

	assert.NotContains(t, r.log.since(at), "OpenFlow connected")

	// A database that answers at another host's address with its own certificate.
	impostor, err := fault.Listen(func(nc net.Conn) {
		config := &tls.Config{Certificates: []tls.Certificate{certificate("other")}}
		(&fault.Database{Schema: schema(t)}).Serve(tls.Server(nc, config))
	})
	require.NoError(t, err)
	defer impostor.Close()
	r.register("third", strings.Replace(impostor.Target(), "tcp:", "ssl:", 1))
	r.await("the impostor is told", func() bool {
		v, err := r.Host("third")
		return err == nil && strings.Contains(v.Reason, "is that of host other")
	})

	v, err := r.Host("good")
	require.NoError(t, err)
	assert.True(t, v.Connected, fmt.Sprint(v.Reason))
}
