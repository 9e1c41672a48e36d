package upstream_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// authority signs certificates for a test.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.cert, a.key = a.issue(t, "ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue writes name.crt and name.key.
func (a *authority) issue(t *testing.T, name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	a.write(t, name+".crt", "CERTIFICATE", der)
	a.write(t, name+".key", "EC PRIVATE KEY", keyDER)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert, key
}

func (a *authority) write(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(a.path(file), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func (a *authority) path(file string) string { return filepath.Join(a.dir, file) }

// serverOption makes a server show a certificate for "market.test", and ask for a client's where clients is true.
func (a *authority) serverOption(t *testing.T, clients bool) grpc.ServerOption {
	t.Helper()
	a.issue(t, "server", &x509.Certificate{DNSNames: []string{"market.test"}})
	pair, err := tls.LoadX509KeyPair(a.path("server.crt"), a.path("server.key"))
	require.NoError(t, err)
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	if clients {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.ClientCAs = x509.NewCertPool()
		config.ClientCAs.AddCert(a.cert)
	}
	return grpc.Creds(credentials.NewTLS(config))
}

func TestTLS(t *testing.T) {
	tests := map[string]struct {
		clients bool // the server asks for certificates
		tls     func(*authority) *upstream.TLS
		want    string // of the error, "" for none
	}{
		"trusted": {tls: func(a *authority) *upstream.TLS {
			return &upstream.TLS{CAFile: a.path("ca.crt"), ServerName: "market.test"}
		}},
		"wrong name": {tls: func(a *authority) *upstream.TLS {
			return &upstream.TLS{CAFile: a.path("ca.crt"), ServerName: "other.test"}
		}, want: "certificate is valid for market.test, not other.test"},
		"name of the target": {tls: func(a *authority) *upstream.TLS {
			return &upstream.TLS{CAFile: a.path("ca.crt")}
		}, want: "certificate for 127."},
		"system roots": {tls: func(*authority) *upstream.TLS {
			return &upstream.TLS{ServerName: "market.test"}
		}, want: "unknown authority"},
		"client certificate": {clients: true, tls: func(a *authority) *upstream.TLS {
			return &upstream.TLS{
				CAFile: a.path("ca.crt"), ServerName: "market.test",
				CertFile: a.path("client.crt"), KeyFile: a.path("client.key"),
			}
		}},
		"no client certificate": {clients: true, tls: func(a *authority) *upstream.TLS {
			return &upstream.TLS{CAFile: a.path("ca.crt"), ServerName: "market.test"}
		}, want: "Unavailable"}, // the text depends on who closes first
		"plaintext to a TLS server": {tls: func(*authority) *upstream.TLS { return nil }, want: "Unavailable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAuthority(t)
			a.issue(t, "client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
			s := serve(t, untilCancelled, a.serverOption(t, test.clients))
			client := dial(t, upstream.Config{Target: s.address, TLS: test.tls(a)})
			if test.want == "" {
				receive(t, open(t, client, nil))
				return
			}
			err := firstError(t, client)
			require.Equal(t, codes.Unavailable, status.Code(err))
			require.ErrorContains(t, err, test.want)
		})
	}
}

// A certificate that is renewed on disk is used for the next connection.
func TestClientCertificateIsReadAgain(t *testing.T) {
	a := newAuthority(t)
	option := a.serverOption(t, true)
	a.issue(t, "client", &x509.Certificate{})
	cfg := upstream.TLS{
		CAFile: a.path("ca.crt"), ServerName: "market.test",
		CertFile: a.path("client.crt"), KeyFile: a.path("client.key"),
	}
	s := serve(t, untilCancelled, option)
	stranger := newAuthority(t) // whose certificate the server does not trust
	stranger.issue(t, "client", &x509.Certificate{})
	trusted := readPair(t, a)
	writePair(t, a, readPair(t, stranger))
	client := dial(t, upstream.Config{Target: s.address, TLS: &cfg})
	require.Error(t, firstError(t, client))

	writePair(t, a, trusted)
	require.Eventually(t, func() bool {
		stream, err := client.Open(t.Context(), streamv1.StreamService_Watch_FullMethodName, nil)
		if err != nil {
			return false
		}
		defer stream.Close()
		_, err = stream.Recv()
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
}

func readPair(t *testing.T, a *authority) (pair [2][]byte) {
	t.Helper()
	var err error
	pair[0], err = os.ReadFile(a.path("client.crt"))
	require.NoError(t, err)
	pair[1], err = os.ReadFile(a.path("client.key"))
	require.NoError(t, err)
	return pair
}

func writePair(t *testing.T, a *authority, pair [2][]byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(a.path("client.crt"), pair[0], 0o600))
	require.NoError(t, os.WriteFile(a.path("client.key"), pair[1], 0o600))
}

// firstError opens a stream and receives until an error: with TLS 1.3 a server refuses a client only after the handshake.
func firstError(t *testing.T, client *upstream.Client) error {
	t.Helper()
	stream, err := client.Open(t.Context(), streamv1.StreamService_Watch_FullMethodName, nil)
	if err != nil {
		return err
	}
	defer stream.Close()
	_, err = stream.Recv()
	return err
}
