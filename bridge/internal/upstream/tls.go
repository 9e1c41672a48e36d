package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLS says how the server is verified, and which certificate the client presents.
type TLS struct {
	// CAFile is a PEM file with the root certificates for the server. By default they are those of the system.
	CAFile string
	// CertFile and KeyFile are the client's certificate and its key. Both must be set, or neither. They are read again for each
	// connection, so that a renewed certificate needs no restart.
	CertFile, KeyFile string
	// ServerName is the name for which the server's certificate must be valid. By default it is the host of the target.
	ServerName string
}

func (t *TLS) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca_file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca_file: expected certificates in PEM form, found none in %s", t.CAFile)
		}
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, errors.New("tls: expected cert_file and key_file together, found one of them")
	}
	if t.CertFile != "" {
		if _, err := t.clientCertificate(nil); err != nil {
			return nil, err
		}
		config.GetClientCertificate = t.clientCertificate
	}
	return config, nil
}

func (t *TLS) clientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	certificate, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("tls: client certificate %s with key %s: %w", t.CertFile, t.KeyFile, err)
	}
	return &certificate, nil
}
