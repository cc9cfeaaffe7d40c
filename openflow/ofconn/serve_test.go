package ofconn_test

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
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/testenv/ovs"
)

// serve runs Serve until the test ends and yields its connections.
func serve(t *testing.T, address string, config *tls.Config) (net.Addr, <-chan *ofconn.Conn) {
	t.Helper()
	ln, err := ofconn.Listen(t.Context(), address, config)
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	conns, served := make(chan *ofconn.Conn), make(chan error, 1)
	go func() {
		served <- ofconn.Serve(ctx, ln, ofconn.Options{HandshakeTimeout: 5 * time.Second},
			func(ctx context.Context, c *ofconn.Conn) {
				select {
				case conns <- c:
				case <-ctx.Done():
				}
				<-c.Done()
			})
	}()

	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})

	return ln.Addr(), conns
}

func next(t *testing.T, conns <-chan *ofconn.Conn) *ofconn.Conn {
	t.Helper()
	select {
	case c := <-conns:
		return c
	case <-time.After(20 * time.Second):
		t.Fatal("no connection")
		return nil
	}
}

// checkSwitch asks a real switch something over an accepted connection.
func checkSwitch(t *testing.T, c *ofconn.Conn) {
	t.Helper()
	ports, err := ofconn.List[openflow.PortDescReply](t.Context(), c, openflow.PortDescRequest{})
	if err != nil || len(ports) != 1 || ports[0].Name != "br0" ||
		ports[0].No != openflow.PortLocal {
		t.Errorf("ports %+v, %v; want br0 alone", ports, err)
	}
}

func TestServeSwitch(t *testing.T) {
	s := ovs.StartBridge(t)
	addr, conns := serve(t, "ptcp:127.0.0.1:0", nil)
	s.Vsctl("set-controller", "br0", "tcp:"+addr.String())
	checkSwitch(t, next(t, conns))
}

// TestServeAmongHostile: peers that do not finish their handshake, or speak
// something else, do not keep a switch out.
func TestServeAmongHostile(t *testing.T) {
	s := ovs.StartBridge(t)
	addr, conns := serve(t, "tcp:127.0.0.1:0", nil)
	for i := range 20 {
		nc, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}

		t.Cleanup(func() { nc.Close() })

		if i%2 == 0 {
			if _, err := nc.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
		}
	}

	s.Vsctl("set-controller", "br0", "tcp:"+addr.String())
	checkSwitch(t, next(t, conns))
}

// TestServeTLS: a real switch with a client certificate gets in, one without
// does not.
func TestServeTLS(t *testing.T) {
	s := ovs.StartBridge(t)
	ca := newAuthority(t)
	config := &tls.Config{
		Certificates: []tls.Certificate{ca.issue(t, "controller")},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    ca.pool,
		RootCAs:      ca.pool,
	}
	addr, conns := serve(t, "pssl:127.0.0.1:0", config)

	if c, err := ofconn.Dial(t.Context(), "ssl:"+addr.String(), &tls.Config{RootCAs: ca.pool},
		ofconn.Options{}); err == nil {
		c.Close()
		t.Error("a peer without a certificate got in")
	}

	stranger := newAuthority(t).issue(t, "stranger")
	if c, err := ofconn.Dial(t.Context(), "ssl:"+addr.String(),
		&tls.Config{RootCAs: ca.pool,
			Certificates: []tls.Certificate{stranger}}, ofconn.Options{}); err == nil {
		c.Close()
		t.Error("a peer with a certificate of another authority got in")
	}

	cert := ca.issue(t, "switch")
	s.Vsctl("set-ssl", writePEM(t, "key.pem", "EC PRIVATE KEY", marshalKey(t, cert)),
		writePEM(t, "cert.pem", "CERTIFICATE", cert.Certificate[0]), writePEM(t, "ca.pem",
			"CERTIFICATE", ca.cert.Raw),
		"--", "set-controller", "br0", "ssl:"+addr.String())

	c := next(t, conns)
	checkSwitch(t, c)

	if state, ok := c.TLS(); !ok || len(state.PeerCertificates) == 0 ||
		state.PeerCertificates[0].Subject.CommonName != "switch" {
		t.Errorf("TLS: %v, certificates %v; want that of the switch", ok, state.PeerCertificates)
	}
}

// TestServePKI does it with the certificates that ovs-pki(8) makes.
func TestServePKI(t *testing.T) {
	ovs.Need(t, "ovs-pki", "openssl")
	s := ovs.StartBridge(t)
	pki := filepath.Join(s.Dir, "pki")
	work := t.TempDir()
	certify := func(args ...string) {
		t.Helper()
		cmd := exec.Command("ovs-pki",
			append([]string{"--dir=" + pki, "--log=" + filepath.Join(s.Dir, "pki.log")},
				args...)...)
		cmd.Dir = work
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ovs-pki %v: %v\n%s", args, err, out)
		}
	}
	certify("init")
	certify("req+sign", "ctl", "controller")
	certify("req+sign", "sw", "switch")
	cert, err := tls.LoadX509KeyPair(filepath.Join(work, "ctl-cert.pem"),
		filepath.Join(work, "ctl-privkey.pem"))
	if err != nil {
		t.Fatal(err)
	}

	switches, err := os.ReadFile(filepath.Join(pki, "switchca", "cacert.pem"))
	if err != nil {
		t.Fatal(err)
	}

	config := &tls.Config{Certificates: []tls.Certificate{cert},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	if !config.ClientCAs.AppendCertsFromPEM(switches) {
		t.Fatal("no certificate in switchca/cacert.pem")
	}

	addr, conns := serve(t, "pssl:127.0.0.1:0", config)
	s.Vsctl("set-ssl", filepath.Join(work, "sw-privkey.pem"), filepath.Join(work, "sw-cert.pem"),
		filepath.Join(pki, "controllerca",
			"cacert.pem"), "--", "set-controller", "br0", "ssl:"+addr.String())
	checkSwitch(t, next(t, conns))
}

func TestAddresses(t *testing.T) {
	for _, address := range []string{"", "tcp", "tcp:", "udp:127.0.0.1:1", "127.0.0.1:6653",
		"ssl:127.0.0.1:1"} {
		if c, err := ofconn.Dial(t.Context(), address, nil, ofconn.Options{}); err == nil {
			c.Close()
			t.Errorf("Dial(%q) succeeds", address)
		}

		if ln, err := ofconn.Listen(t.Context(), address, nil); err == nil {
			ln.Close()
			t.Errorf("Listen(%q) succeeds", address)
		}
	}
}

// authority is a certificate authority of one test.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1),
		Subject:   pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}

	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}

	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return authority{key, cert, pool}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	return key
}

func (a authority) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}

	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func marshalKey(t *testing.T, cert tls.Certificate) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(cert.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}

	return der
}

func writePEM(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}),
		0o600); err != nil {
		t.Fatal(err)
	}

	return path
}
