package config

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"time"
)

// CheckCertificates checks that our own certificates have not expired. The error is [Errors].
func (c *Config) CheckCertificates(now time.Time) error {
	k := &checker{config: c}
	for _, t := range []struct{ path, cert string }{
		{"store.tls.cert", c.Store.TLS.Cert},
		{"api.tls.cert", c.API.TLS.Cert},
		{"openflow.tls.cert", c.OpenFlow.TLS.Cert},
		{"ovsdb.tls.cert", c.OVSDB.TLS.Cert},
	} {
		cert := readCertificate(t.cert)
		if cert != nil && now.After(cert.NotAfter) {
			k.fail(t.path, "%q expired on %s: want a valid certificate",
				t.cert, cert.NotAfter.Format(time.DateTime))
		}
	}

	if len(k.errs) > 0 {
		return k.errs.Sorted()
	}
	return nil
}

// readCertificate returns the first certificate in a file, or nil if there is none.
func readCertificate(path string) *x509.Certificate {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}

	block, _ := pem.Decode(data)
	if block == nil {
		return nil
	}

	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}

	return cert
}
