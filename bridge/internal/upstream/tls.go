package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"google.golang.org/grpc/credentials"

	"github.com/grpcsse/grpcsse/bridge/internal/localfile"
	"github.com/grpcsse/grpcsse/bridge/internal/secret"
)

// TLS says how the server is verified, and which certificate the client presents. The files are read again when they have
// changed, so that a renewed certificate needs no restart. A connection that is made later uses what is in the files then.
type TLS struct {
	// CAFile is a PEM file with the root certificates for the server. By default they are those of the system.
	CAFile string
	// CertFile and KeyFile are the client's certificate and its key. Both must be set, or neither.
	CertFile, KeyFile string
	// ServerName is the name for which the server's certificate must be valid. By default it is the host of the target.
	ServerName string
}

// tlsCredentials secures each connection with the configuration that the files give at that moment.
type tlsCredentials struct {
	credentials.TransportCredentials // those of the first configuration, for what does not depend on the files

	config *secret.Fresh[*tls.Config]
}

// credentials returns the credentials. stale is called when the files can no longer be used, see [secret.New].
func (t *TLS) credentials(stale func(error)) (credentials.TransportCredentials, error) {
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, errors.New("tls: expected cert_file and key_file together, found one of them")
	}
	var files []string
	for _, file := range []string{t.CAFile, t.CertFile, t.KeyFile} {
		if file != "" {
			files = append(files, file)
		}
	}
	config, err := secret.New(files, 0, t.config, stale)
	if err != nil {
		return nil, err
	}
	return tlsCredentials{credentials.NewTLS(config.Get()), config}, nil
}

// config reads the files.
func (t *TLS) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := localfile.ReadPEM(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca_file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca_file: expected certificates in PEM form, found none in %s", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := localfile.KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls: client certificate %s with key %s: %w", t.CertFile, t.KeyFile, err)
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return config, nil
}

// ClientHandshake implements [credentials.TransportCredentials].
func (c tlsCredentials) ClientHandshake(
	ctx context.Context, authority string, conn net.Conn,
) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(c.config.Get()).ClientHandshake(ctx, authority, conn)
}

// Clone implements [credentials.TransportCredentials].
func (c tlsCredentials) Clone() credentials.TransportCredentials {
	return tlsCredentials{c.TransportCredentials.Clone(), c.config}
}
