package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// lines gives the lines that a program writes to the test. It may be used concurrently.
type lines struct {
	mu    sync.Mutex
	text  strings.Builder // guarded by mu
	wrote chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.wrote <- struct{}{}:
	default:
	}
	return l.text.Write(p)
}

// find waits until the first group of the expression is there, and returns it.
func (l *lines) find(t *testing.T, expression string) string {
	t.Helper()
	wanted := regexp.MustCompile(expression)
	for {
		l.mu.Lock()
		found := wanted.FindStringSubmatch(l.text.String())
		l.mu.Unlock()
		if found != nil {
			return found[1]
		}
		select {
		case <-l.wrote:
		case <-time.After(20 * time.Second):
			require.Failf(t, "not said in time", "expected %s, found %s", expression, &l.text)
		}
	}
}

// writeExamplePair writes the certificate of httptest, which is for example.com, and its key.
func writeExamplePair(t *testing.T, files *config.ServerTLS) {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	pair := web.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	for file, block := range map[string]*pem.Block{
		files.CertFile: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, files.KeyFile: {Type: "PRIVATE KEY", Bytes: key},
	} {
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	}
}

func TestServeWithTLS(t *testing.T) {
	dir := t.TempDir()
	files := &config.ServerTLS{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
	writeExamplePair(t, files)
	file := filepath.Join(dir, "grpcsse.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
server: {listen: "127.0.0.1:0", tls: {cert_file: tls.crt, key_file: tls.key}}
upstreams: {down: {target: "127.0.0.1:1"}}
routes:
  - path: /quotes
    rpc: demo.market.v1.MarketService/WatchQuotes
`), 0o600))
	ctx, stop := context.WithCancel(t.Context())
	stderr := &lines{wrote: make(chan struct{}, 1)}
	code := make(chan int)
	go func() { code <- Main(ctx, []string{"serve", "--config", file}, io.Discard, stderr) }()
	t.Cleanup(func() {
		stop()
		assert.Zero(t, <-code)
	})
	address := stderr.find(t, `address=(\S+) tls=true`)

	for version, set := range map[string]func(*http.Protocols){
		"HTTP/1.1": func(p *http.Protocols) { p.SetHTTP1(true) },
		"HTTP/2.0": func(p *http.Protocols) { p.SetHTTP2(true) },
	} {
		protocols := new(http.Protocols)
		set(protocols)
		client := &http.Client{Transport: &http.Transport{
			Protocols:       protocols,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is the test's own
		}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/quotes", nil)
		require.NoError(t, err)
		response, err := client.Do(request)
		require.NoError(t, err)
		assert.NoError(t, response.Body.Close())
		client.CloseIdleConnections()
		assert.Equal(t, version, response.Proto)
		assert.Equal(t, http.StatusServiceUnavailable, response.StatusCode, "the upstream is down: turned away, not dead")
		assert.Contains(t, response.TLS.PeerCertificates[0].DNSNames, "example.com")
	}
}
