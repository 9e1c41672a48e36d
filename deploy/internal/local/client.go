package local

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Name is the host of the pages in these tests. Clients find it on this machine.
const Name = "app.example.com"

// Client returns a client on a machine with an address, which must be one of 127.0.0.0/8. The client looks for every host on this
// machine, trusts every certificate, and prefers HTTP/2 where there is TLS.
func Client(address string) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Transport: &http.Transport{
		DisableCompression: true,
		ForceAttemptHTTP2:  true,
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true}, // the certificate is one of Certificate
		DialContext: func(ctx context.Context, network, target string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(target)
			if err != nil {
				return nil, err
			}
			return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		},
	}}
}

// Await waits until a URL is answered with 200.
func Await(t *testing.T, url string) {
	t.Helper()
	await(t, url, func(status int) bool { return status == http.StatusOK })
}

// AwaitAnswer waits until a URL is answered, with whatever status.
func AwaitAnswer(t *testing.T, url string) {
	t.Helper()
	await(t, url, func(int) bool { return true })
}

// await waits until a URL is answered with a status that is wanted.
func await(t *testing.T, url string, wanted func(status int) bool) {
	t.Helper()
	client := Client("127.0.0.1")
	client.Timeout = 5 * time.Second
	defer client.CloseIdleConnections()
	require.Eventually(t, func() bool {
		response, err := client.Head(url)
		return err == nil && response.Body.Close() == nil && wanted(response.StatusCode)
	}, Soon, soonAgain, "no server at %s", url)
}

// Certificate writes a certificate for Name and its key, each to a file, and both to a third one.
func Certificate(t *testing.T) (certificate, key, both string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{Name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	signed, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	first := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}))
	second := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
	return File(t, "tls.crt", first), File(t, "tls.key", second), File(t, "tls.pem", first+second)
}
