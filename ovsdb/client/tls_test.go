package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/ovsdb/client"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

// keyPair is a certificate signed by an authority, or by itself, in files.
type keyPair struct {
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
	certFile  string
	keyFile   string
	tlsConfig tls.Certificate
}

func newKeyPair(t *testing.T, dir, name string, ca *keyPair) *keyPair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: ca == nil, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	parent, signer := template, key
	if ca != nil {
		parent, signer = ca.cert, ca.key
	}

	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	p := &keyPair{key: key, certFile: filepath.Join(dir, name+"-cert.pem"),
		keyFile: filepath.Join(dir, name+"-key.pem")}
	p.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	p.tlsConfig = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	require.NoError(t,
		os.WriteFile(p.certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
			0o600))
	require.NoError(t,
		os.WriteFile(p.keyFile,
			pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), 0o600))
	return p
}

// countingConn counts what is written to it.
type countingConn struct {
	net.Conn
	writes atomic.Int64
}

func (c *countingConn) dial(ctx context.Context, network, address string) (nc net.Conn, err error) {
	c.Conn, err = new(net.Dialer).DialContext(ctx, network, address)
	return c, err
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

func TestServerTLS(t *testing.T) {
	dir := t.TempDir()
	ca := newKeyPair(t, dir, "ca", nil)
	server, us, stranger := newKeyPair(t, dir, "server", ca), newKeyPair(t, dir, "us",
		ca), newKeyPair(t, dir, "stranger", nil)
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	s := ovs.StartServer(t, ovs.WithRemote("pssl:0:127.0.0.1"),
		ovs.WithRemote("db:Open_vSwitch,Open_vSwitch,manager_options"),
		ovs.WithFlags("--private-key="+server.keyFile, "--certificate="+server.certFile,
			"--ca-cert="+ca.certFile))
	target := "ssl:127.0.0.1:" + port(t, s)
	ctx := timeout(t)

	good := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{us.tlsConfig}}
	for _, config := range map[string]*tls.Config{"names checked": good,
		"chain only": client.ChainOnly(&tls.Config{RootCAs: roots, Certificates: good.Certificates,
			ServerName: "another"})} {
		counter := &countingConn{}
		conn := dial(t, target,
			client.Options{TLS: config, ProbeInterval: 300 * time.Millisecond, Dial: counter.dial})
		require.NoError(t, conn.Echo(ctx))

		// Reads that time out for the probe must not break the session.
		before := counter.writes.Load()
		ovs.WaitFor(t, "probes", func() bool { return counter.writes.Load() >= before+3 })
		_, err := conn.Transact(ctx, vswitchDB, bump(1))
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}

	for name, config := range map[string]*tls.Config{
		"unknown authority": {Certificates: good.Certificates},
		"other name": {RootCAs: roots, Certificates: good.Certificates,
			ServerName: "another"},
		"chain only, unknown authority": client.ChainOnly(&tls.Config{RootCAs: x509.NewCertPool(),
			Certificates: good.Certificates}),
	} {
		if _, err := client.Dial(ctx, target, client.Options{TLS: config}); err == nil {
			t.Errorf("%s: connected", name)
		}
	}

	_, err := client.Dial(ctx, target, client.Options{})
	require.True(t, err != nil, "without a configuration it is refused")

	// TLS 1.3 tells the client only after the handshake that it is not welcome.
	if conn, err := client.Dial(ctx, target,
		client.Options{TLS: &tls.Config{RootCAs: roots,
			Certificates: []tls.Certificate{stranger.tlsConfig}}}); err == nil {
		_, err = conn.ListDBs(ctx)
		require.True(t, err != nil, "a stranger is not served")
		conn.Close()
	}

	// The other direction: the switch connects to us with TLS.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	s.Vsctl("--no-wait", "set-manager", "ssl:"+l.Addr().String())
	nc, err := l.Accept()
	require.NoError(t, err)
	conn, err := client.New(ctx, nc, client.Options{TLS: client.ChainOnly(&tls.Config{
		ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert,
		Certificates: []tls.Certificate{us.tlsConfig},
	})})
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.Echo(ctx))
}

// TestServerOVSPKI: certificates as ovs-pki(8) makes them, which name no host.
func TestServerOVSPKI(t *testing.T) {
	ovs.Need(t, "ovs-pki", "openssl")
	dir := t.TempDir()
	pki := func(args ...string) {
		ovs.Run(t, dir, "ovs-pki",
			append([]string{"--dir=" + filepath.Join(dir, "pki"), "--log=" +
				filepath.Join(dir, "log")}, args...)...)
	}
	pki("init")
	pki("-u", "req+sign", "sw", "switch")
	pki("-u", "req+sign", "us", "switch")
	ca := filepath.Join(dir, "pki", "switchca", "cacert.pem")
	s := ovs.StartServer(t, ovs.WithRemote("pssl:0:127.0.0.1"), ovs.WithFlags(
		"--private-key="+filepath.Join(dir, "sw-privkey.pem"), "--certificate="+filepath.Join(dir,
			"sw-cert.pem"), "--ca-cert="+ca))
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "us-cert.pem"),
		filepath.Join(dir, "us-privkey.pem"))
	require.NoError(t, err)
	text, err := os.ReadFile(ca)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(text), "the authority's certificate is read")
	conn := dial(t, "ssl:127.0.0.1:"+port(t, s), client.Options{
		TLS: client.ChainOnly(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}),
	})
	require.NoError(t, conn.Echo(timeout(t)))
}

// TestSilentHandshake: a peer that does not shake hands costs no more than the
// context allows.
func TestSilentHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		conn, err := client.New(ctx, ours, client.Options{TLS: &tls.Config{}})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, conn == nil, "no connection")
		require.Equal(t, 3*time.Second, time.Since(start), "time")
	})
}
