package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/api/server"
	"github.com/tapline-sdn/tapline/api/server/servertest"
	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/config"
)

// authority makes certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key, a.pem = a.make(&x509.Certificate{
		Subject: pkix.Name{
			CommonName: "authority",
		},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) make(
	template *x509.Certificate,
) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(a.t, err)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// pair makes a certificate and key in files.
func (a *authority) pair(dir, name string) (cert, key string) {
	a.t.Helper()
	_, private, certPEM := a.make(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	der, err := x509.MarshalECPrivateKey(private)
	require.NoError(a.t, err)
	cert, key = filepath.Join(dir, name+"-cert.pem"), filepath.Join(dir, name+"-key.pem")
	require.NoError(a.t, os.WriteFile(cert, certPEM, 0o600))
	require.NoError(
		a.t,
		os.WriteFile(
			key,
			pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}),
			0o600,
		),
	)
	return cert, key
}

// TestTLS: clients must show a certificate of their authority, its common name may be an identity,
// and our own certificate is replaced without a restart.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	a := newAuthority(t)
	ca := filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(ca, a.pem, 0o600))
	cert, key := a.pair(dir, "controller")
	var log bytes.Buffer
	files := config.TLS{Cert: cert, Key: key, CA: ca}
	certs, err := loadCertificates("api", files, slog.New(slog.NewTextHandler(&log, nil)), "h2",
		"http/1.1")
	require.NoError(t, err)
	keys, err := access.New(
		t.Context(),
		access.Config{
			Admin:   []byte("s3cret"),
			Clients: map[string]access.Role{"ops": access.Operator},
		},
	)
	require.NoError(t, err)
	defer keys.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Serve(
			ctx,
			ln,
			server.New(server.Config{Engine: servertest.New(), Keys: keys}), certs.server(),
		); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer cancel()

	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	dial := func(signer *authority, name, token string) (*client.Client, func() *big.Int) {
		t.Helper()
		var serial *big.Int
		shown := &tls.Config{RootCAs: pool, VerifyConnection: func(s tls.ConnectionState) error {
			serial = s.PeerCertificates[0].SerialNumber
			return nil
		}}
		if name != "" {
			pair, err := tls.LoadX509KeyPair(signer.pair(t.TempDir(), name))
			require.NoError(t, err)
			shown.Certificates = []tls.Certificate{pair}
		}
		transport := &http.Transport{
			TLSClientConfig:   shown,
			DisableKeepAlives: true,
			ForceAttemptHTTP2: true,
		}
		c, err := client.New(
			client.Config{
				Server:     "https://" + ln.Addr().String(),
				Token:      token,
				HTTPClient: &http.Client{Transport: transport},
			},
		)
		require.NoError(t, err)
		return c, func() *big.Int { return serial }
	}
	guest := api.GuestCreate{Name: "vm1", NICs: []api.GuestNICCreate{{MAC: "52:54:00:00:00:01"}}}

	ops, serial := dial(a, "ops", "")
	_, err = ops.Guests().Create(ctx, guest)
	require.NoError(t, err, "the certificate is the identity")
	_, err = ops.Tokens().List(ctx)
	require.True(t, client.IsStatus(err, http.StatusForbidden), "%v", err)
	require.ErrorContains(t, err, `the certificate "ops" has the role operator`)
	both, _ := dial(a, "ops", "s3cret")
	_, err = both.Tokens().List(ctx)
	require.NoError(t, err, "a token decides where there is one")
	stranger, _ := dial(a, "dev", "")
	_, err = stranger.Guests().List(ctx)
	require.True(t, client.IsStatus(err, http.StatusUnauthorized), "%v", err)
	require.ErrorContains(t, err, `common name "dev"`)
	withToken, _ := dial(a, "dev", "s3cret")
	_, err = withToken.Guests().List(ctx)
	require.NoError(t, err)
	none, _ := dial(a, "", "s3cret")
	_, err = none.Guests().List(ctx)
	require.Error(t, err, "a certificate is wanted whatever the token is")
	foreign, _ := dial(newAuthority(t), "ops", "s3cret")
	_, err = foreign.Guests().List(ctx)
	require.Error(t, err, "and one of the clients' authority")

	before := serial()
	require.NoError(t, os.WriteFile(key, []byte("being written"), 0o600))
	_, err = ops.Guests().List(ctx)
	require.NoError(t, err, "what cannot be used changes nothing")
	require.Equal(t, before, serial())
	a.pair(dir, "controller")
	_, err = ops.Guests().List(ctx)
	require.NoError(t, err)
	require.NotEqual(t, before, serial())
	require.Contains(t, log.String(), "the old ones stay")
	require.Contains(t, log.String(), "were renewed")
}

func TestAdminToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "admin.token")
	var log bytes.Buffer
	read := func() (string, error) {
		token, err := adminToken(t.Context(), file, nil, slog.New(slog.NewTextHandler(&log, nil)))
		return string(token), err
	}
	first, err := read()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(first), 26)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	again, err := read()
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.NoError(t, os.Remove(file))
	other, err := read()
	require.NoError(t, err)
	require.NotEqual(t, first, other)
	require.NotContains(t, log.String(), "others than its owner")
	require.NoError(t, os.Chmod(file, 0o644))
	_, err = read()
	require.NoError(t, err)
	require.Contains(t, log.String(), "others than its owner")
	require.NoError(t, os.Truncate(file, 0))
	_, err = read()
	require.ErrorContains(t, err, "is empty; delete it")
	require.NotContains(t, log.String(), first)
	require.NotContains(t, log.String(), other)
}

// TestSwitchCertificatesAreRenewed: listeners for switches, and connections that we make to
// switches, use the certificates that the files hold at that time, and trust the authority that
// they hold then.
func TestSwitchCertificatesAreRenewed(t *testing.T) {
	dir := t.TempDir()
	first, second := newAuthority(t), newAuthority(t)
	files := config.TLS{CA: filepath.Join(dir, "ca.pem")}
	replace := func(a *authority) {
		require.NoError(t, os.WriteFile(files.CA, a.pem, 0o600))
		files.Cert, files.Key = a.pair(dir, "controller")
	}
	replace(first)
	ours, err := loadCertificates("ovsdb", files, slog.New(slog.DiscardHandler))
	require.NoError(t, err)

	peer := func(a *authority) *tls.Config {
		pair, err := tls.LoadX509KeyPair(a.pair(t.TempDir(), "switch"))
		require.NoError(t, err)
		pool := x509.NewCertPool()
		pool.AddCert(a.cert)
		return &tls.Config{
			Certificates: []tls.Certificate{pair}, RootCAs: pool, ClientCAs: pool,
			ClientAuth: tls.RequireAnyClientCert,
		}
	}
	handshake := func(client, server *tls.Config) error {
		client = client.Clone()
		client.ServerName = "controller"
		ln, err := net.Listen("tcp", "127.0.0.1:0") // A net.Pipe would block on alerts.
		require.NoError(t, err)
		defer ln.Close()
		answered := make(chan error, 1)
		go func() {
			conn, err := ln.Accept()
			if err == nil {
				err = tls.Server(conn, server).HandshakeContext(t.Context())
				_ = conn.Close()
			}
			answered <- err
		}()
		conn, err := net.Dial("tcp", ln.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		return errors.Join(tls.Client(conn, client).HandshakeContext(t.Context()), <-answered)
	}
	both := func(a *authority) (accept, dial error) {
		there := peer(a)
		listening := there.Clone()
		there.InsecureSkipVerify = true // Only what we accept is of interest.
		return handshake(there, ours.server()), handshake(ours.client(), listening)
	}

	accept, dial := both(first)
	require.NoError(t, accept)
	require.NoError(t, dial)
	accept, dial = both(second)
	require.Error(t, accept, "another authority")
	require.Error(t, dial, "another authority")

	server, client := ours.server(), ours.client()
	replace(second)
	there := peer(second)
	there.InsecureSkipVerify = true
	require.NoError(t, handshake(there, server), "a listener that was open before")
	require.NoError(t, handshake(client, peer(second)))
	require.Error(t, handshake(client, peer(first)), "the old authority is not trusted any more")

	none, err := loadCertificates("ovsdb", config.TLS{}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Nil(t, none.server())
	require.Nil(t, none.client())
}

func TestPrivateFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, privateFolder(dir))
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.Error(t, privateFolder("/proc/1"))
}

func TestExpiredCertificateFailsTheCheck(t *testing.T) {
	dir := t.TempDir()
	a := newAuthority(t)
	cert, key := a.pair(dir, "controller")
	file := filepath.Join(dir, "tapline.yaml")
	text := fmt.Sprintf("openflow: {tls: {cert: %s, key: %s}}\n", cert, key)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	c, err := config.Load(file)
	require.NoError(t, err)
	require.NoError(t, c.CheckCertificates(time.Now()))
	err = c.CheckCertificates(time.Now().AddDate(100, 0, 0))
	require.ErrorContains(t, err, file+":1:18: openflow.tls.cert:")
	require.ErrorContains(t, err, "expired on")
}

func TestLogFormat(t *testing.T) {
	var out bytes.Buffer
	log := newLogger(&out, config.Log{Level: slog.LevelWarn, Format: config.LogJSON})
	log.Info("not shown")
	log.Warn("shown", "host", "h1")
	var message map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &message))
	require.Equal(t, "h1", message["host"])
	require.Equal(t, "WARN", message["level"])
}
