package cli_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

// TestTLS: what to do about certificates is said, and a certificate that has a role of its own
// needs no tapctltest.Token beside it.
func TestTLS(t *testing.T) {
	d := tapctltest.New(t)
	sent := "nothing"
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"tap_flows":[],"total":0}`)
	})

	secured, plain := httptest.NewUnstartedServer(answer), httptest.NewServer(answer)
	t.Cleanup(plain.Close)
	secured.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	secured.Config.ErrorLog = log.New(io.Discard, "", 0)
	secured.StartTLS()
	t.Cleanup(secured.Close)

	file := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t,
			os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}

	cert := file("cert.pem", "CERTIFICATE", secured.Certificate().Raw)
	der, err := x509.MarshalPKCS8PrivateKey(secured.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	ours := " --cert-file " + cert + " --key-file " + file("key.pem", "PRIVATE KEY", der)

	d.Env = map[string]string{"HOME": t.TempDir(), "TAPLINE_TOKEN": tapctltest.Token}
	for name, tc := range map[string]struct{ args, want string }{
		"unknown authority": {"--server " + secured.URL + ours, "with --ca-file"},
		"no certificate":    {"--server " + secured.URL + " --ca-file " + cert, "with --cert-file"},
		"no TLS there": {"--server " + strings.Replace(plain.URL, "http:", "https:", 1),
			"with http:// in front"},
	} {
		t.Run(
			name,
			func(t *testing.T) {
				require.Contains(t, d.Fails(1, "tap-flow-list "+tc.args),
					tc.want)
			},
		)
	}

	require.Equal(t, "nothing", sent)

	delete(d.Env, "TAPLINE_TOKEN")
	d.Must("tap-flow-list --server " + secured.URL + " --ca-file " + cert + ours)
	require.Empty(t, sent, "there is no token")
}
