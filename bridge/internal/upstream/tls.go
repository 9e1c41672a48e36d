package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLS says how to trust the server, and what to show it.
type TLS struct {
	// CAFile is a PEM file with the authorities that may sign the server's certificate; "" is the system's.
	CAFile string
	// CertFile and KeyFile are the client's certificate: both or neither. They are read again for each connection, so
	// that a renewed certificate needs no restart.
	CertFile, KeyFile string
	// ServerName is the name expected in the server's certificate; "" is the target's host.
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
